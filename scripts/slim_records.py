"""Bring records into a folder that is committed, with no more beside them than pages and comparisons need.

Each record is copied with all its values and their standard errors. Of the scores of examples those of main metrics and
their parts are kept ("accuracy", "accuracy/color"), which differences and effects are worked out from; a variant
("accuracy@novel-pairs") has its standard error in the record. Pictures and texts are kept of one training of a method,
the one with the lowest seed. A record whose cell has a newer one is removed. Tables and effects stay as they are.
python scripts/slim_records.py FROM [--results results]
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.contracts.metric import MetricName
from bench.records.frame import newest
from bench.records.labels import method_of
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.statistics.trainings import needed

NUMBERS = ".json"
"""Ending of samples that are numbers: curves and how often codes are used."""


def slim(source: RecordStore, target: RecordStore) -> tuple[int, int]:
    """Copy what is new, and remove what no longer counts; returns how many records of each."""
    present, read = target.all().records, source.all().records
    keys, first = {record.key for record in present}, _first_seeds([*present, *read])
    copied = []
    for record in newest(read):
        if record.key in keys:
            continue
        folder = source.path_of(record).parent
        kept = {name: (folder / name).read_bytes() for name in record.samples if _is_kept(name, record, first)}
        samples = {Path(name).name: content for name, content in kept.items()}
        copied.append(target.write(record, _scores(record, source), samples))
    every = [*present, *copied]
    counting = {record.key for record in newest(every)}
    passed = [record for record in every if record.kind == "run" and record.key not in counting]
    for record in passed:
        for path in target.paths_of(record):
            path.unlink()
        shutil.rmtree(target.path_of(record).with_suffix(""), ignore_errors=True)
    return len(copied), len(passed)


def _scores(record: Record, store: RecordStore) -> dict[str, np.ndarray]:
    """Scores of metrics without a variant, and which examples share an image."""
    main = [name for name in record.metrics if not MetricName.parse(name).variant]
    return store.scores(record, set().union(*(needed(record, name) for name in main)))


def _first_seeds(records: Iterable[Record]) -> dict[object, tuple[int, int]]:
    """Method, task and data set to the lowest seeds."""
    first: dict[object, tuple[int, int]] = {}
    for record in records:
        seeds = (record.seed, record.head_seed)
        first[_row(record)] = min(seeds, first.get(_row(record), seeds))
    return first


def _row(record: Record) -> object:
    return method_of(record), record.task, record.dataset.name, record.preset, record.protocol_hash


def _is_kept(sample: str, record: Record, first: dict[object, tuple[int, int]]) -> bool:
    return sample.endswith(NUMBERS) or (record.seed, record.head_seed) == first[_row(record)]


def main() -> None:
    """Copy, remove, and say how many and how large."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", metavar="FROM", type=Path)
    parser.add_argument("--results", type=Path, default=Path("results"))
    given = parser.parse_args()
    copied, passed = slim(RecordStore(given.source), RecordStore(given.results))
    size = sum(path.stat().st_size for path in given.results.rglob("*") if path.is_file())
    print(f"{copied} copied, {passed} removed; {given.results} takes {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
