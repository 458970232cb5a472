"""What a run adds to its work: `python -m bench run` against its stages as plain functions in one process.

    python benchmarks/whole_run.py [--preset smoke] [--steps 600] [--rounds 3]

vqgan with reconstruction, vqa and linear-probe and their blind baselines, on emoji-scenes, serial, CPU, one thread. By
turns, each with an empty cache; medians of wall time, and of processor time, which other work beside does not lengthen.
The plain functions prepare the data, train, encode and run each task, in a new process whose imports of this project
are not counted. What starting costs is told by the same command again, which finds all recorded. The values have to be
equal.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

from bench.contracts.task import Work
from bench.experiment.encode import encode_split
from bench.experiment.train import train
from bench.presets import PRESETS
from bench.records.record import BLIND
from bench.records.store import RecordStore
from bench.registry import datasets, methods, tasks
from bench.system.files import ROOT

TASKS = ("reconstruction", "vqa", "linear-probe")
DATA = "emoji-scenes"
Values = dict[tuple[bool, str, str], float]
"""Whether it is the blind baseline's, task and metric: the value."""


def plain(folder: Path, name: str, steps: int) -> Values:
    """The stages, one after the other."""
    preset, device = dataclasses.replace(PRESETS[name], steps=steps), torch.device("cpu")
    torch.set_num_threads(preset.threads)
    dataset = datasets.get(DATA).load()(size=preset.image_size, limits=preset.limits)
    splits = {
        split: dataclasses.replace(dataset.split(split, folder), cache=folder / "of" / split)
        for split in dataset.splits
    }
    torch.manual_seed(0)
    tokenizer = methods.get("vqgan").load()().build(preset, DATA, None)
    train(tokenizer, splits["train"], None, preset, 0, device, _silent)
    codes = {
        split: encode_split(tokenizer, images, folder / "codes", device, _silent) for split, images in splits.items()
    }
    values: Values = {}
    for task in TASKS:
        for seen in (codes, None):
            torch.manual_seed(0)
            result = tasks.get(task).load()().run(Work(seen, splits, preset.head, 0, device))
            values |= {(seen is None, task, metric): score.value for metric, score in result.metrics.items()}
    return values


def whole(folder: Path, name: str, steps: int) -> Values:
    """The command."""
    command = [sys.executable, "-m", "bench", "run", "--methods", "vqgan", "--tasks", ",".join(TASKS)]
    command += ["--preset", name, "--set", f"preset.steps={steps}", "--engine", "serial", "--device", "cpu"]
    command += ["--results", str(folder / "results"), "--cache", str(folder / "cache")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return {
        (record.method.name == BLIND, record.task, metric): score.value
        for record in RecordStore(folder / "results").all().records
        for metric, score in record.metrics.items()
    }


def timed(call: Callable[[Path, str, int], Values], folder: Path, name: str, steps: int) -> tuple[Values, float, float]:
    """What a call returns in this new process, seconds of wall time, and of processor time with its child's."""
    started, before = time.perf_counter(), sum(os.times()[:4])
    values = call(folder, name, steps)
    return values, time.perf_counter() - started, sum(os.times()[:4]) - before


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="smoke")
    parser.add_argument("--steps", type=int, default=600, help="of the training")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    calls = {"plain functions": plain, "run": whole, "run with all recorded": whole}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(arguments.rounds):
        values = []
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            for (name, call), folder in zip(calls.items(), (one, other, other), strict=True):
                with ProcessPoolExecutor(1, get_context("spawn")) as process:
                    found = process.submit(timed, call, Path(folder), arguments.preset, arguments.steps).result()
                values.append(found[0])
                taken[name].append(found[1:])
        assert values[0] == values[1] == values[2], "the values differ"
    print(
        f"vqgan x {', '.join(TASKS)} and blind baselines, preset {arguments.preset}, {arguments.steps} steps, 1 thread"
    )
    print("| | wall, s | of plain | processor, s | of plain |\n|---|--:|--:|--:|--:|")
    plainly = [median(times) for times in zip(*taken["plain functions"], strict=True)]
    for name, pairs in taken.items():
        wall, worked = (median(times) for times in zip(*pairs, strict=True))
        print(f"| {name} | {wall:.1f} | {wall / plainly[0]:.3f} | {worked:.1f} | {worked / plainly[1]:.3f} |")
    print(f"{len(values[0])} equal values")


def _silent(done: int, total: int, what: str) -> None:
    """No progress is shown."""


if __name__ == "__main__":
    main()
