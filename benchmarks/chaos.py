"""Kill a run again and again, and see whether nothing was lost, done twice or left behind.

    python benchmarks/chaos.py --engine serial --kills 12
    python benchmarks/chaos.py --engine ray --kills 12

A grid of real methods at preset smoke is run once undisturbed and once with SIGKILL, at random moments, of the driver
(after which the same command is given again) or of one of its workers (after which it has to go on by itself). In the
end there has to be one valid record a cell with the values of the undisturbed run, no scratch, and a minute later no
process and no shared memory of the run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.records.store import RecordStore
from bench.system.files import ROOT

GRID = ("--methods", "vqvae,fsq,cvq", "--tasks", "linear-probe,vqa,grounding", "--seeds", "0,1", "--preset", "smoke")


def main() -> None:
    """Run the grid twice, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="serial", choices=("serial", "ray"))
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shared_memory = set(Path("/dev/shm").iterdir())
        undisturbed, chaos = place / "undisturbed", place / "chaos"
        begun = time.perf_counter()
        assert start(undisturbed, arguments.engine).wait() == 0
        print(f"undisturbed: {len(values(undisturbed))} cells in {time.perf_counter() - begun:.0f} s", flush=True)
        kills = {"driver": 0, "worker": 0}
        starts = 1
        run = start(chaos, arguments.engine)
        while sum(kills.values()) < arguments.kills:
            time.sleep(rng.uniform(0.5, arguments.longest))
            if run.poll() is not None:
                print(f"finished with status {run.returncode} after {kills}; beginning anew", flush=True)
                subprocess.run(["rm", "-rf", str(chaos)], check=True)
                run = start(chaos, arguments.engine)
                starts += 1
                continue
            workers = processes(f"{chaos}")
            whom = rng.choice(("driver", "worker")) if workers else "driver"
            victim = run.pid if whom == "driver" else rng.choice(workers)
            os.kill(victim, signal.SIGKILL)
            kills[whom] += 1
            if whom == "driver":
                run.wait()
                run = start(chaos, arguments.engine)
                starts += 1
        status = run.wait()
        found, expected = values(chaos), values(undisturbed)
        print(f"{kills} killed, {starts} starts, last exit status {status}, {len(found)} of {len(expected)} cells")
        different = [cell for cell in expected if found.get(cell) != expected[cell]]
        scratch = list(chaos.rglob(".*.tmp"))
        time.sleep(60)
        left = [path for path in Path("/dev/shm").iterdir() if path not in shared_memory]
        orphans = processes(str(chaos))
        print(
            f"different values: {different}; scratch: {scratch}; "
            f"after a minute: processes {orphans}, shared memory {left}"
        )
        sys.exit(bool(status or different or scratch or left or orphans or len(found) != len(expected)))


def start(folder: Path, engine: str) -> subprocess.Popen[bytes]:
    """The run, in the background; what it prints goes into a file."""
    command = [sys.executable, "-m", "bench", "run", *GRID, "--engine", engine, "--device", "cpu", "--retries", "20"]
    command += ["--results", str(folder / "results"), "--cache", str(folder / "cache"), "--checkpoint-minutes", "0.01"]
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("ab") as log:
        # a mark in the environment, which all processes of the run inherit, whoever starts them
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHAOS": str(folder)}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def processes(mark: str) -> list[int]:
    """Worker processes of a run and what they started: jobs, Java."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"CHAOS={mark}".encode() in environment.split(b"\0") and b"bench.experiment.worker" in command:
            found.append(int(folder.name))
    return found


def values(folder: Path) -> dict[tuple[str, str, int], dict[str, float]]:
    """All values by cell."""
    found = RecordStore(folder / "results").all()
    assert not found.problems, found.problems
    assert all(record.status == "ok" for record in found.records), [record.reason for record in found.records]
    return {
        (record.method.name, record.task, record.seed): {name: metric.value for name, metric in record.metrics.items()}
        for record in found.records
    }


if __name__ == "__main__":
    main()
