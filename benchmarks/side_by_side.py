"""How much faster two workers finish than one: a grid of single-threaded trainings, and tasks of one method.

    python benchmarks/side_by_side.py --rounds 3

The same commands with --engine serial and --engine ray by turns, each with a results folder and a cache of its own;
medians. The values of both have to be equal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.records.store import RecordStore
from bench.system.files import ROOT

GRIDS = {
    "eight trainings": ("--methods", "vqvae,fsq,simvq,random-codebook", "--tasks", "reconstruction", "--seeds", "0,1"),
    "tasks of one method": ("--methods", "vqvae", "--tasks", "vqa,grounding,linear-probe", "--head-seeds", "0,1,2"),
}


def main() -> None:
    """Measure each grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of a training")
    arguments = parser.parse_args()
    for name, grid in GRIDS.items():
        seconds: dict[str, list[float]] = {"serial": [], "ray": []}
        for _ in range(arguments.rounds):
            values = {}
            for engine, times in seconds.items():
                with tempfile.TemporaryDirectory() as folder:
                    times.append(run(Path(folder), grid, engine, arguments.steps))
                    values[engine] = {
                        record.key: {name: metric.value for name, metric in record.metrics.items()}
                        for record in RecordStore(Path(folder) / "results").all().records
                    }
            assert values["serial"] == values["ray"]
        serial, ray = (statistics.median(times) for times in seconds.values())
        print(
            f"{name}: serial {serial:.0f} s, ray {ray:.0f} s, ratio {ray / serial:.2f}; "
            f"{len(values['ray'])} cells with equal values"
        )


def run(folder: Path, grid: tuple[str, ...], engine: str, steps: int) -> float:
    """Seconds of a run."""
    command = [sys.executable, "-m", "bench", "run", *grid, "--preset", "smoke", "--engine", engine, "--device", "cpu"]
    command += ["--set", f"preset.steps={steps}", "--set", "reconstruction.extractors=()"]
    command += ["--results", str(folder / "results"), "--cache", str(folder / "cache")]
    begun = time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
