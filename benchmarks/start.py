"""How long it takes until the command line answers.

    python benchmarks/start.py [--rounds 10]

Commands by turns, each in a process of its own as a user starts it, after a turn to warm up; medians of wall time, and
of processor time, which other work beside does not lengthen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median

from bench.system.files import ROOT

COMMANDS = {
    "Python alone": ("-c", ""),
    "python -m bench --help": ("-m", "bench", "--help"),
    "python -m bench run --help": ("-m", "bench", "run", "--help"),
    "python -m bench list methods": ("-m", "bench", "list", "methods"),
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(arguments.rounds + 1):
        for name, words in COMMANDS.items():
            started, before = time.perf_counter(), os.times()
            subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True, capture_output=True)
            after = os.times()
            worked = after.children_user + after.children_system - before.children_user - before.children_system
            taken[name].append((time.perf_counter() - started, worked))
    print("| command | wall, s | processor, s |\n|---|--:|--:|")
    for name, pairs in taken.items():
        wall, worked = (median(times) for times in zip(*pairs[1:], strict=True))
        print(f"| `{name}` | {wall:.2f} | {worked:.2f} |")


if __name__ == "__main__":
    main()
