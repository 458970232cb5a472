"""A data set whose test splits must not be read, and a task that takes no time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from bench.contracts.data import DataSet, Question, Split
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.registry import datasets, tasks


@datasets.register("guarded", offers=("captions", "questions"))
@dataclass(frozen=True)
class Guarded(DataSet):
    """Squares, each of one grey; asking for a test split raises."""

    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test", "test-far")

    @override
    def split(self, name: str, cache: Path) -> Split:
        if name.startswith("test"):
            raise AssertionError(f"the {name} split was read")
        greys = np.random.default_rng(self.splits.index(name)).integers(0, 256, 31, np.uint8)
        images = np.broadcast_to(greys[:, None, None, None], (31, self.size, self.size, 3))
        questions = [
            Question(row, "which shade?", "dark" if grey < 128 else "bright", "shade") for row, grey in enumerate(greys)
        ]
        return Split(name, images, [["a square"]] * 31, questions)


@tasks.register("lightness", needs=(), metrics=(Metric("lightness", higher_is_better=True, about="Of all codes."),))
@dataclass(frozen=True)
class Lightness(Task):
    """Mean lightness of all test images' codes."""

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 1}

    @override
    def run(self, work: Work) -> TaskResult:
        codes, result = work.codes_of("test"), TaskResult()
        assert codes is not None
        rows = np.arange(len(work.dataset["test"]))
        result.add("lightness", codes.vectors(rows, work.device).mean((1, 2)).cpu().numpy())
        return result
