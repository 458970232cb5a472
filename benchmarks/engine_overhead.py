"""What the engines add to a cell: cells that do nothing, run serially and under Ray, here or on a simulated cluster.

    python benchmarks/engine_overhead.py --tasks 24 --seeds 2
    python benchmarks/engine_overhead.py --engines ray --tasks 50 --seeds 20 --nodes 4

The time is that of the whole command, its start and end included; two numbers of cells give what one cell adds.
Reconstruction, which every run includes, is recorded beforehand and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.records.store import RecordStore
from bench.system.files import ROOT

TASK = '''

@tasks.register("nothing-{number}", needs=("questions",), metrics=(Metric("nothing", higher_is_better=None),))
@dataclass(frozen=True)
class Nothing{number}(ToyTask):
    """Does nothing."""

    def run(self, work):
        result = TaskResult()
        result.add_whole("nothing", 0.0, 1)
        return result
'''


def main() -> None:
    """Measure each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="serial,ray")
    parser.add_argument("--tasks", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=0, help="of a simulated cluster, with 2 CPUs each; 0: none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "nothing.py"
        toy = (ROOT / "tests/helpers/toy_plugin.py").read_text(encoding="utf-8")
        plugin.write_text(toy + "".join(TASK.format(number=number) for number in range(arguments.tasks)))
        for engine in arguments.engines.split(","):
            measure(engine, plugin, Path(folder) / engine, arguments)


def measure(engine: str, plugin: Path, folder: Path, arguments: argparse.Namespace) -> None:
    """Run all cells under an engine and print what each cost."""
    names = ",".join(f"nothing-{number}" for number in range(arguments.tasks))
    seeds = ",".join(map(str, range(arguments.seeds)))
    with cluster(arguments.nodes if engine == "ray" else 0) as address:
        more = ["--address", address] if address else []
        run(folder, plugin, "reconstruction", seeds, "serial")
        begun = time.perf_counter()
        run(folder, plugin, names, seeds, engine, *more)
        wall = time.perf_counter() - begun
    records = [record for record in RecordStore(folder / "results").all().records if record.task != "reconstruction"]
    assert len(records) == arguments.tasks * arguments.seeds, len(records)
    spent = sum(record.cost["eval_s"] for record in records)
    where = f"{arguments.nodes} simulated nodes of 2 CPUs" if address else "this machine"
    print(
        f"{engine}, {where}: {len(records)} cells in {wall:.1f} s with start and end, "
        f"{1000 * wall / len(records):.0f} ms a cell; the tasks themselves {spent:.2f} s"
    )


def run(folder: Path, plugin: Path, tasks: str, seeds: str, engine: str, *more: str) -> None:
    """A run; its output is shown where it fails."""
    command = [sys.executable, "-m", "bench", "run", "--methods", "toy", "--tasks", tasks, "--datasets", "toy-colours"]
    command += ["--preset", "smoke", "--seeds", seeds, "--engine", engine, "--plugin", str(plugin), "--device", "cpu"]
    command += ["--results", str(folder / "results"), "--cache", str(folder / "cache"), *more]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])


@contextlib.contextmanager
def cluster(nodes: int) -> Iterator[str | None]:
    """A Ray cluster of so many nodes, all on this machine; its address."""
    if not nodes:
        yield None
        return
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    for _ in range(nodes - 1):
        made.add_node(num_cpus=2)
    try:
        yield made.address
    finally:
        made.shutdown()


if __name__ == "__main__":
    main()
