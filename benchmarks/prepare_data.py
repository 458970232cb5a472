"""How fast data sets are prepared, and how far their questions alone go.

    python benchmarks/prepare_data.py [--size 32] [NAME ...]

Prepares every split in a throw-away folder, on one core, and prints images per second of processor time, seconds to
read the prepared training split, and the accuracy of answering each test question with the most frequent training
answer to the same words.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from bench.contracts.data import DataSet, Split
from bench.registry import datasets


def blind_accuracy(train: Split, test: Split) -> dict[str, float]:
    """Share of right answers per question type, and "all", without looking at the image."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for question in train.questions:
        answers[question.text][question.answer] += 1
    right: dict[str, list[bool]] = defaultdict(list)
    for question in test.questions:
        guess = answers[question.text].most_common(1)
        hit = bool(guess) and guess[0][0] == question.answer
        right[question.kind].append(hit)
        right["all"].append(hit)
    return {kind: sum(hits) / len(hits) for kind, hits in sorted(right.items())}


def measure(name: str, dataset: DataSet, cache: Path) -> None:
    """Print the figures of one data set."""
    splits = {}
    for split in dataset.splits:
        start = time.process_time()
        splits[split] = dataset.split(split, cache)
        spent = time.process_time() - start
        print(f"{name} {split}: {len(splits[split])} images, {len(splits[split]) / spent:.0f} images/s")
    start = time.process_time()
    dataset.split("train", cache)
    print(f"{name} read train: {time.process_time() - start:.2f} s")
    for split in (tested for tested in splits if tested.startswith("test")):
        blind = blind_accuracy(splits["train"], splits[split])
        print(f"{name} {split} blind: " + ", ".join(f"{kind} {value:.3f}" for kind, value in blind.items()))


def main() -> None:
    """Measure the data sets named on the command line, else all that need no folder of files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--size", type=int, default=32)
    arguments = parser.parse_args()
    for name in arguments.names or datasets.names():
        entry = datasets.get(name)
        if entry.facts.reads_files:
            print(f"{name}: skipped, it is read from a folder")
            continue
        with tempfile.TemporaryDirectory() as cache:
            measure(name, entry.load()(size=arguments.size), Path(cache))


if __name__ == "__main__":
    main()
