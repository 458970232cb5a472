"""Give records the keys of today's code where that code is the same as the code that made them but for its names.

Keys hold a fingerprint of code, so an edit of a file makes its cells run again. Where an edit only arranges the code
anew, the old values are still right, and this script says so only with a proof for each record:

1. the fingerprints of its method, task and data set, and of training and encoding, are equal at both commits; or,
2. with --same-values OLD NEW (the results of the same commands run at both commits, at a small preset): the method's
   reconstruction and the task itself gave the same values there, to the last bit, with the same samples and scores.

A record with neither proof keeps its key. Run it from the new checkout:
python scripts/rekey_records.py --old CHECKOUT [--same-values OLD NEW] [--write] [--results results]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.records.record import Record, validate
from bench.records.store import RecordStore
from bench.system.files import ROOT
from bench.system import fingerprint

COMMANDS = (
    [],
    ["--set", "t2i.generator=diffusion"],
    ["--set", "lgvq.init=features", "--set", "vqgan.init=features"],
    ["--set", "lgvq.mask_at=words"],
)
"""What the records were made with, besides --methods all --tasks all."""
EARLIER_PLUMBING = frozenset({"bench.fingerprint", "bench.progress"})
"""Names that modules left out of code hashes had before they were moved."""
LISTING = (
    "import json; from bench import registry; print(json.dumps({kind: {entry.name: str(entry.path) for entry in "
    "getattr(registry, kind).entries()} for kind in ('methods', 'tasks', 'datasets')}))"
)
TRAINING = ("bench/train.py", "bench/encode.py"), ("bench/experiment/train.py", "bench/experiment/encode.py")
"""Where training and encoding stood, and where they stand."""


def main() -> None:
    """Compare, say what was found, and with --write rename."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--old", type=Path, required=True, help="checkout of the commit that made the records")
    parser.add_argument("--same-values", type=Path, nargs=2, metavar=("OLD", "NEW"))
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    fingerprint.PLUMBING |= EARLIER_PLUMBING
    old, new = (Code(tree) for tree in (given.old.resolve(), ROOT))
    values = Values(*given.same_values) if given.same_values else None
    store = RecordStore(given.results)
    new_keys = dict(zip(old.keys(), new.keys(), strict=True))
    counts = {"code": 0, "values": 0}
    for record in store.all().records:
        key = new_keys.get(record.key)
        if key is None:
            print(f"kept as it is: {record.key} {record.method.name} {record.task}: the old commit plans no such cell")
            continue
        proof = "code" if old.of(record) == new.of(record) else "values" if values and values.same(record) else None
        if proof is None:
            print(f"kept as it is: {record.key} {record.method.name} {record.task}: its code changed")
            continue
        counts[proof] += 1
        if given.write and key != record.key:
            rename(store, record, key, new.cells[key]["code"])
    print(f"re-keyed: {counts['code']} with equal code, {counts['values']} with equal values")


class Code:
    """The code of a checkout: what it plans, and fingerprints of what a record ran, by today's rule."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.paths = json.loads(self._python("-c", LISTING))
        self.cells: dict[str, dict[str, str]] = {}

    def keys(self) -> list[str]:
        """Keys of all planned cells, in the order of `COMMANDS`."""
        found = []
        for words in COMMANDS:
            tasks = "t2i" if "t2i" in str(words) else "reconstruction" if words else "all"
            methods = "all" if not words else "lgvq" if "mask_at" in str(words) else "lgvq,vqgan"
            plan = ["-m", "bench", "run", "--methods", methods, "--tasks", tasks, *words, "--dry-run", "--json"]
            rows = json.loads(self._python(*plan))
            self.cells |= {row["key"]: row for row in rows}
            found += [row["key"] for row in rows]
        return found

    def of(self, record: Record) -> list[str]:
        """Fingerprints of all the code a record's value came from."""
        names = [("tasks", record.task), ("datasets", record.dataset.name)]
        if record.method.name != "blind":
            names.append(("methods", record.method.name))
            if base := record.method.arguments.get("base"):
                names.append(("methods", base))
        places = next(places for places in TRAINING if (self.tree / places[0]).exists())
        files = [[Path(self.paths[kind][name])] for kind, name in names] + [[self.tree / place for place in places]]
        return [fingerprint.of_code(group, self.tree) for group in files]

    def _python(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, *words], cwd=self.tree, capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(self.tree), "PATH": "/usr/bin:/bin"},
        ).stdout  # fmt: skip


class Values:
    """The same commands' results at two commits."""

    def __init__(self, old: Path, new: Path) -> None:
        self.old, self.new = RecordStore(old), RecordStore(new)
        self.pairs = list(self._pairs())

    def same(self, record: Record) -> bool:
        """Whether the record's method and its task gave the same values at both commits, in every pair there is."""
        blind = record.method.name == "blind"
        of_task = [(a, b) for a, b in self.pairs if a.task == record.task and (a.method.name == "blind") == blind]
        of_method = [(a, b) for a, b in self.pairs if a.method.name == record.method.name]
        return bool(of_task and of_method) and all(self._equal(a, b) for a, b in of_task + of_method)

    def _pairs(self) -> Iterable[tuple[Record, Record]]:
        def place(record: Record) -> str:
            return json.dumps(
                [record.dataset.name, record.method.model_dump(), record.task, record.seed, record.protocol]
            )

        new = {place(record): record for record in self.new.all().records}
        old = {place(record): record for record in self.old.all().records}
        if missing := old.keys() - new.keys():
            raise SystemExit(f"the new results lack {len(missing)} cells of the old ones, such as {min(missing)}")
        return ((record, new[where]) for where, record in old.items())

    def _equal(self, a: Record, b: Record) -> bool:
        return (
            a.status == b.status
            and {n: (m.value, m.n, m.higher_is_better, m.unit) for n, m in a.metrics.items()}
            == {n: (m.value, m.n, m.higher_is_better, m.unit) for n, m in b.metrics.items()}
            and self._files(self.old, a) == self._files(self.new, b)
        )

    def _files(self, store: RecordStore, record: Record) -> dict[str, bytes]:
        """Samples, and per-example scores as bytes; "image" arrays said which examples share an image."""
        folder = store.path_of(record).parent
        scores = {name: array.tobytes() for name, array in store.scores(record).items()}
        return {Path(name).name: (folder / name).read_bytes() for name in record.samples} | scores


def rename(store: RecordStore, record: Record, key: str, code: str) -> None:
    """The same record under another key, with its files."""
    folder = store.path_of(record).parent
    samples = {Path(name).name: (folder / name).read_bytes() for name in record.samples}
    fields = record.model_dump() | {"key": key, "code": code, "per_example": None, "samples": []}
    store.write(validate(fields), store.scores(record), samples)
    for name in record.samples:
        (folder / name).unlink()
    if record.samples:
        (folder / record.key).rmdir()
    if record.per_example:
        (folder / record.per_example).unlink()
    store.path_of(record).unlink()


if __name__ == "__main__":
    main()
