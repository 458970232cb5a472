"""Give records the keys of today's code where that code is the same as the code that made them but for its names.

Keys hold a fingerprint of code, so an edit of a file makes its cells run again. Where an edit only arranges the code
anew, the old values are still right, and this script says so only with a proof for each record:

1. the fingerprints of its method, task and data set, and of training and encoding, are equal at both commits; or,
2. with --same-values OLD NEW (the results of the same commands run at both commits, at a small preset): the method's
   reconstruction and the task itself gave the same values there, with the same samples and scores of examples.

Same is: equal to within a millionth, the rounding of float32. Means of scores are summed in double precision since
records say that they are means, and LPIPS differs in its last bit since one network serves the metric and the loss.
A record with neither proof keeps its key. Records that do not say yet which of their
values are means of examples, and which examples share an image, are told so in the same go.
Run it from the new checkout:
python scripts/rekey_records.py --old CHECKOUT [--same-values OLD NEW] [--write] [--results results]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from bench.contracts.metric import MetricName
from bench.records.record import Measured, Record, validate
from bench.records.store import RecordStore
from bench.system import fingerprint
from bench.system.files import ROOT

COMMANDS = ("--methods all --tasks all", "--methods all --tasks all --head-seeds 0,1,2")
"""What the records were made with."""
EARLIER_PLUMBING = frozenset({"bench.fingerprint", "bench.progress"})
"""Names that modules left out of code hashes had before they were moved."""
LISTING = (
    "import json; from bench import registry; print(json.dumps({kind: {entry.name: str(entry.path) for entry in "
    "getattr(registry, kind).entries()} for kind in ('methods', 'tasks', 'datasets')}))"
)
OF_SETS = ("bleu", "meteor")
"""Metrics whose value is never the mean of the scores that are kept beside it."""
OF_WHOLE_IMAGES = ("similarity_mse",)
"""Metrics with one score an image, beside others whose scores share images."""
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
    store = RecordStore(given.results)
    new_keys = dict(zip(old.keys(), new.keys(), strict=True))
    values = Values(*given.same_values, new) if given.same_values else None
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
            plan = ["-m", "bench", "run", *words.split(), "--dry-run", "--json"]
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
    """The same commands' results at two commits; the newer ones have to come from today's code."""

    def __init__(self, old: Path, new: Path, code: Code) -> None:
        self.old, self.new = RecordStore(old), RecordStore(new)
        self.code = {(row["dataset"], row["method"], row["task"]): row["code"] for row in code.cells.values()}
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
        """Whether two records tell the same: status, names, directions, numbers of examples, values, samples."""
        old, scores = upgraded(a, self.old.scores(a))
        return (
            b.code == self.code.get((b.dataset.name, b.method.name, b.task))
            and a.status == b.status
            and a.skipped.keys() == b.skipped.keys()
            and old.keys() == b.metrics.keys()
            and all(_same_value(old[name], b.metrics[name]) for name in old)
            and self._samples(self.old, a) == self._samples(self.new, b)
            and _same_arrays(scores, self.new.scores(b))
        )

    def _samples(self, store: RecordStore, record: Record) -> dict[str, bytes]:
        folder = store.path_of(record).parent
        return {Path(name).name: (folder / name).read_bytes() for name in record.samples}


def _same_arrays(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    def close(name: str) -> bool:
        return a[name].dtype == b[name].dtype and np.allclose(a[name], b[name], rtol=1e-6, atol=1e-7, equal_nan=True)

    return a.keys() == b.keys() and all(map(close, a))


def _same_value(a: Measured, b: Measured) -> bool:
    return math.isclose(a.value, b.value, rel_tol=1e-6, abs_tol=1e-9) and a.model_copy(update={"value": b.value}) == b


def upgraded(record: Record, scores: Mapping[str, np.ndarray]) -> tuple[dict[str, Measured], dict[str, np.ndarray]]:
    """What a record measured, and its arrays, in today's form.

    Earlier, a value was taken for a mean of examples where it was the mean of the scores of its name, and arrays called
    "image" said which examples share one.
    """
    arrays = {_renamed(name): array for name, array in scores.items()}
    metrics = {}
    for name, measured in record.metrics.items():
        if measured.over is None:
            values = arrays.get(name)
            parsed = MetricName.parse(name, OF_SETS)
            mean = (
                values is not None
                and parsed.metric not in OF_SETS
                and np.isclose(values.mean(dtype=np.float64), measured.value, rtol=1e-5)
            )
            own_images = parsed.metric in OF_WHOLE_IMAGES
            clusters = "" if own_images else str(MetricName("images", "", parsed.part, parsed.variant))
            told = {
                "over": "examples" if mean else "set",
                "clusters": clusters if mean and clusters in arrays else None,
            }
            measured = measured.model_copy(update=told)
        metrics[name] = measured
    return metrics, arrays


def _renamed(array: str) -> str:
    name = MetricName.parse(array)
    return str(name._replace(metric="images")) if name.metric == "image" else array


def rename(store: RecordStore, record: Record, key: str, code: str) -> None:
    """The same record under another key, with its files."""
    folder = store.path_of(record).parent
    samples = {Path(name).name: (folder / name).read_bytes() for name in record.samples}
    metrics, arrays = upgraded(record, store.scores(record))
    fields = record.model_dump() | {"key": key, "code": code, "per_example": None, "samples": []}
    fields["metrics"] = {name: measured.model_dump() for name, measured in metrics.items()}
    store.write(validate(fields), arrays, samples)
    for name in record.samples:
        (folder / name).unlink()
    if record.samples:
        (folder / record.key).rmdir()
    if record.per_example:
        (folder / record.per_example).unlink()
    store.path_of(record).unlink()


if __name__ == "__main__":
    main()
