"""How cost grows with what there is: codes, pixels, images, cells and records.

    python benchmarks/growth.py [--rounds 5] [--most-records 20000]

One table for each: medians of wall time, and the exponent of the line through their logarithms (1: twice as much takes
twice as long). The leaderboard is a process of its own, of made-up methods and seeds whose records are like those in
`results/`, and its time is processor time. One thread; about three minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count, islice
from pathlib import Path
from statistics import median

import numpy as np
import torch
from steps import training_step

from bench import registry
from bench.contracts.method import Batch
from bench.experiment.jobs import graph
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.features.perceptual import LpipsNetwork
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.metrics.image import psnr, ssim
from bench.metrics.image_sets import FeatureExtractors, distances
from bench.metrics.lpips import lpips
from bench.presets import PRESETS, Preset
from bench.records.store import RecordStore
from bench.system.files import ROOT

Work = Callable[[], object]
SEEDS = 5
"""Of each made-up method."""


def search(codes: int) -> Work:
    """The nearest of so many codes to 8,192 vectors of width 32."""
    quantizer, z = VectorQuantizer(codes, 32).eval(), torch.randn(32, 32, 16, 16)
    return lambda: quantizer(z).indices


def step_of_codes(codes: int) -> Work:
    """A training step of vqgan with so many codes."""
    return _step(dataclasses.replace(PRESETS["tiny"], codes=codes))


def step_of_side(side: int) -> Work:
    """A training step of vqgan on 8 images of this side, a code for every 4 x 4 pixels."""
    return _step(dataclasses.replace(PRESETS["tiny"], image_size=side, grid=side // 4, batch_size=8))


def _step(preset: Preset) -> Work:
    tokenizer = registry.methods.get("vqgan").load()().build(preset, "emoji-scenes", None).train()
    tokenizer.to(memory_format=torch.channels_last)
    images = torch.rand(preset.batch_size, 3, preset.image_size, preset.image_size) * 2 - 1
    return training_step(tokenizer, Batch(images, None), preset)


def metrics(images: int) -> Work:
    """PSNR, SSIM, LPIPS and distances of scene-cnn's features of so many images of 32 px."""
    rng = np.random.default_rng(0)
    originals, others = rng.integers(0, 256, (2, images, 32, 32, 3)).astype(np.uint8)
    extractors, network = FeatureExtractors(["scene-cnn"], "cpu"), LpipsNetwork("alex")

    def measure() -> None:
        for start in range(0, images, 250):
            part = slice(start, start + 250)
            for metric in (psnr, ssim):
                metric(others[part], originals[part])
            lpips(network, others[part], originals[part])
        distances(extractors.features(originals), extractors.features(others), True)

    return measure


def planning(seeds: int) -> Work:
    """Cells and their graph of jobs, of all methods and tasks with so many seeds."""
    request = Request(tuple(registry.methods.names()), tuple(registry.tasks.names()), seeds=tuple(range(seeds)))
    return lambda: graph(plan(request), {}, Path("nowhere"))


def leaderboard(records: int, folder: Path) -> float:
    """Seconds of processor time of a leaderboard of so many records, starting Python included."""
    _make_up(records, folder / "results")
    command = [sys.executable, "-m", "bench", "leaderboard", "--results", str(folder / "results")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*command, "--output", str(folder / "leaderboard.md")],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _make_up(records: int, folder: Path) -> None:
    """Records of one training of vqgan again and again, under other names of methods and other seeds."""
    real = RecordStore(ROOT / "results")
    ours = [record for record in real.all().records if record.method.name == "vqgan" and record.status == "ok"]
    of_tasks = {record.task: record for record in ours}.values()
    store = RecordStore(folder)
    for record in of_tasks:
        if record.per_example:
            shutil.copy(real.path_of(record).with_name(record.per_example), folder.with_name(f"{record.task}.npz"))
    endless = ((number, seed, record) for number in count() for seed in range(SEEDS) for record in of_tasks)
    for number, seed, record in islice(endless, records):
        key = hashlib.sha256(f"{number} {seed} {record.task}".encode()).hexdigest()[:20]
        method = record.method.model_copy(update={"name": f"made-up-{number}"})
        scores = record.per_example and f"{key}.npz"
        other = {"key": key, "method": method, "seed": seed, "head_seed": seed, "per_example": scores, "samples": []}
        made = record.model_copy(update=other)
        path = store.path_of(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.to_json())
        if record.per_example:
            path.with_suffix(".npz").hardlink_to(folder.with_name(f"{record.task}.npz"))


def seconds_of(work: Work, rounds: int) -> float:
    """Median after one turn to warm up."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def show(of_what: str, seconds: Mapping[int, float]) -> None:
    """Print a table and the exponent."""
    slope = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0]
    print(f"\n| {of_what} | ms |\n|--:|--:|")
    for size, taken in seconds.items():
        print(f"| {size:,} | {1000 * taken:,.1f} |")
    print(f"exponent {slope:.2f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most-records", type=int, default=20_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codes, records = (512, 2_048, 8_192, 32_768), (arguments.most_records // part for part in (64, 16, 4, 1))
    kinds: tuple[tuple[str, Callable[[int], Work], tuple[int, ...]], ...] = (
        ("codes, search", search, codes),
        ("codes, training step", step_of_codes, codes),
        ("pixels a side, training step", step_of_side, (32, 64, 128)),
        ("images, their metrics", metrics, (250, 1_000, 4_000)),
        ("seeds planned", planning, (1, 8, 64)),
    )
    for of_what, make, sizes in kinds:
        show(of_what, {size: seconds_of(make(size), arguments.rounds) for size in sizes})
    times = {}
    for number in records:
        with tempfile.TemporaryDirectory() as folder:
            times[number] = leaderboard(number, Path(folder))
    show("records, leaderboard", times)


if __name__ == "__main__":
    main()
