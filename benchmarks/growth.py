"""How cost grows with what there is: codes, pixels, images, cells and records.

    python benchmarks/growth.py [--rounds 5] [--most-records 20000] [--of methods|seeds]

One table for each: medians of wall time, and the exponent of the line through their logarithms (1: twice as much takes
twice as long). The leaderboard is a process of its own, whose records are like those in `results/`, of many made-up
methods or of many seeds of a few; its time is processor time, beside it stands its peak memory. `--of` says which, and
then nothing else is measured. One thread; about four minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
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
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.system.files import ROOT
from bench.system.vectors import pack_vectors, unpack_vectors

Work = Callable[[], object]
SEEDS = 5
"""Of each made-up method, where there are many methods."""
METHODS = 8
"""Made up, where there are many seeds."""
VARIANTS = 7
"""Of each task's scores, which the made-up trainings have in turn."""
MOVED = 0.1
"""Share of the examples whose scores differ from variant to variant."""


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


def leaderboard(records: int, of: str, folder: Path) -> tuple[float, float]:
    """Seconds of processor time of a leaderboard of so many records, starting Python included, and its peak in MiB."""
    make_up(records, of, folder / "results")
    command = [sys.executable, "-m", "bench", "leaderboard", "--results", str(folder / "results")]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--output", str(folder / "leaderboard.md")],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "said").read_text())
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def make_up(records: int, of: str, folder: Path) -> None:
    """Records like those of vqgan: of many "methods" with five seeds each, or of many "seeds" of eight methods."""
    real, store = RecordStore(ROOT / "results"), RecordStore(folder)
    ours = [record for record in real.all().records if record.method.name == "vqgan" and record.status == "ok"]
    of_tasks = {record.task: record for record in ours}
    variants = {task: _variants(record, real, folder.parent) for task, record in of_tasks.items()}
    trainings = _in_turn(SEEDS) if of == "methods" else ((method, seed) for seed, method in _in_turn(METHODS))
    endless = ((*training, task) for training in trainings for task in variants)
    for method, seed, task in islice(endless, records):
        record, scores = variants[task][(SEEDS * method + seed) % VARIANTS]
        key = hashlib.sha256(f"{method} {seed} {task}".encode()).hexdigest()[:20]
        other = {
            "key": key,
            "method": record.method.model_copy(update={"name": f"made-up-{method}"}),
            "seed": seed,
            "head_seed": seed,
            "per_example": f"{key}.npz",
            "samples": [],
        }
        made = record.model_copy(update=other)
        path = store.path_of(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.to_json())
        path.with_suffix(".npz").hardlink_to(scores)


def _in_turn(size: int) -> Iterator[tuple[int, int]]:
    """(0, 0), (0, 1), ... (0, size - 1), (1, 0) and so on without end."""
    return (divmod(number, size) for number in count())


def _variants(record: Record, store: RecordStore, folder: Path) -> list[tuple[Record, Path]]:
    """The record as other trainings might have left it, each with a file of its scores.

    Some examples have the score of another one, so that a score remains one that the metric can have.
    """
    rng, scores, variants = np.random.default_rng(0), store.scores(record), []
    for number in range(VARIANTS):
        moved = {name: array if array.dtype == np.int32 else _moved(array, rng) for name, array in scores.items()}
        path = folder / f"{record.task}-{number}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack_vectors(moved))
        stored = unpack_vectors(path.read_bytes())
        values = {
            name: measured.value * (1 + rng.normal(0, 0.01))
            if measured.over != "examples"
            else stored[name].mean(dtype=np.float64)
            for name, measured in record.metrics.items()
        }
        metrics = {
            name: measured.model_copy(update={"value": float(values[name])})
            for name, measured in record.metrics.items()
        }
        variants.append((record.model_copy(update={"metrics": metrics}), path))
    return variants


def _moved(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(scores)) < MOVED, rng.choice(scores, len(scores)), scores)


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
    parser.add_argument("--of", choices=("methods", "seeds"))
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
    for of_what, make, sizes in kinds if arguments.of is None else ():
        show(of_what, {size: seconds_of(make(size), arguments.rounds) for size in sizes})
    for of in ("methods", "seeds") if arguments.of is None else (arguments.of,):
        used = {}
        for number in records:
            with tempfile.TemporaryDirectory() as folder:
                used[number] = leaderboard(number, of, Path(folder))
        show(f"records of many {of}, leaderboard", {number: seconds for number, (seconds, _) in used.items()})
        print("peak memory in MiB:", ", ".join(f"{number:,}: {peak:,.0f}" for number, (_, peak) in used.items()))


if __name__ == "__main__":
    main()
