"""How long it takes to plan a run: keys, protocols, and the graph of jobs, for more and more cells.

    python benchmarks/planning.py --seeds 1,26,263

All methods and tasks of the project with so many seeds. Each number is planned in a process of its own, imports
included; CPU time beside wall time, since something else may be running.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from bench import registry
from bench.experiment.jobs import graph
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.system.files import ROOT


def main() -> None:
    """Plan each number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,26,263", help="how many, separated by commas")
    parser.add_argument("--once", type=int, help="plan one number in this process")
    arguments = parser.parse_args()
    if arguments.once is not None:
        measure(arguments.once)
        return
    for seeds in arguments.seeds.split(","):
        subprocess.run([sys.executable, __file__, "--once", seeds], check=True, cwd=ROOT)


def measure(seeds: int) -> None:
    """Plan, and print how long that took since the process began."""
    begun = time.perf_counter()
    names = tuple(registry.methods.names()), tuple(registry.tasks.names())
    cells = plan(Request(*names, seeds=tuple(range(seeds))))
    jobs = graph(cells, {}, Path("nowhere"))
    print(
        f"{len(cells):,} cells, {len(jobs):,} jobs: {time.perf_counter() - begun:.1f} s, "
        f"{time.process_time():.1f} s of CPU with imports"
    )


if __name__ == "__main__":
    main()
