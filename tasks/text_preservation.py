"""Text preservation: what an OCR engine still reads on an image after it has been through the tokenizer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from typing_extensions import override

from bench.contracts.arguments import Count
from bench.contracts.data import Split
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.data.words.truth import Written, written_on
from bench.errors import DataError
from bench.images import comparison_png
from bench.registry import tasks
from bench.system import standard_error
from bench.tasks.parts.decoded import decode_all, decoder_of
from bench.tasks.parts.reading import engine, heights, scores
from bench.tasks.parts.reading.engine import Engine
from bench.tasks.parts.reading.heights import error_of_legible, smallest_legible, step_of
from bench.tasks.parts.reading.readings import Lines, read_originals
from bench.tasks.parts.reading.scores import Agreement, compare
from bench.tasks.parts.samples import evenly_spaced, markdown_table

METRICS = Agreement._fields
LEGIBLE = ("smallest_legible", "smallest_legible_cells")
RARE = 0.1
"""Share of images with text below which there is nothing to measure. On 200 images without any, the engine saw words in
edges on 8 of emoji-details, on 4 of emoji-scenes, on none of easy-vqa."""


class Compared(NamedTuple):
    """One text before and after: the number of its image, its height in pixels, and how far the readings agree."""

    image: int
    height: int
    agreement: Agreement


@tasks.register(
    "text-preservation",
    needs=(),
    metrics=(
        Metric("word_accuracy", higher_is_better=True, about="Share of the words on an image that are still read."),
        Metric("character_error_rate", higher_is_better=False, about="Wrong characters a character of the reference."),
        Metric("word_error_rate", higher_is_better=False, about="Wrong words a word of the reference."),
        Metric("smallest_legible", higher_is_better=False, unit="px", about="Height of the smallest text still read."),
        Metric("smallest_legible_cells", higher_is_better=False, about="The same in cells of the code grid."),
        Metric("images_with_text", higher_is_better=None, about="Share of originals on which the engine reads a word."),
    ),
    blind="mean image",
)
@dataclass(frozen=True)
class TextPreservation(Task):
    """Text on test images, read by an OCR engine before and after the tokenizer (as VTBench and TokBench do).

    The reference is what the engine reads on the original. Where the data set knows what is written, "@truth" has
    that for its reference, over all images, and "@real" is the engine on the originals: no method is expected to be
    better. Nothing is fitted or drawn. The blind baseline shows the mean of the training images every time.

    images: the most images of each test split that are read, the first ones.
    """

    images: Count = 500

    @override
    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method; the engine is None where its package is missing."""
        return {
            "version": 1,
            "engine": engine.fingerprint(),
            **engine.PROTOCOL,
            **scores.PROTOCOL,
            **heights.PROTOCOL,
            "images": f"the first {self.images} of each test split; those without a word that can be read are left out "
            f"but in @truth and @real; nothing is measured where fewer than {RARE} have one",
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`."""
        result = TaskResult()
        try:
            reader = Engine()
        except DataError as error:
            _skip_all(result, "", str(error))
            return result
        for split in work.tests.values():
            self._measure(result, reader, split, work)
        return result

    def _measure(self, result: TaskResult, reader: Engine, split: Split, work: Work) -> None:
        """Add the values of one test split."""
        count = min(self.images, len(split))
        lines, truth = read_originals(reader, split, count), written_on(split)
        with_text = np.array([bool(of_image) for of_image in lines])
        if with_text.mean() < RARE:
            why = f"the {split.name} split: the engine reads a word on {with_text.sum()} of {count} originals"
            _skip_all(result, split.variant, why)
            return
        error = standard_error.of_mean(with_text)
        result.add_whole("images_with_text", with_text.mean(), count, variant=split.variant, error=error)
        rows = np.flatnonzero(with_text)
        made = dict(zip(rows.tolist(), decode_all(decoder_of(work, split.name), rows), strict=True))
        readings = [reader.read_again(made[image], on) if on else [] for image, on in enumerate(lines)]
        side = split.images.shape[1]
        compared = [
            Compared(
                image,
                step_of(float(truth[image].height) * side if image in truth else line.height),
                compare(reading, line.text),
            )
            for image, on in enumerate(lines)
            for line, reading in zip(on, readings[image], strict=True)
        ]
        _add(result, compared, split.variant, "")
        originals = [[line.text for line in on] for on in lines]
        for name, read in (("truth", readings), ("real", originals)):
            _add(result, _against(truth, read, side), split.variant, name)
        codes = work.codes_of(split.name)
        _add_legible(result, compared, split, None if codes is None else side / codes.grid[0])
        if not split.variant:
            by_height = np.array([text.image for text in sorted(compared, key=lambda text: text.height)])
            shown = np.array(list(dict.fromkeys(by_height[evenly_spaced(len(by_height))].tolist())))
            pictures = np.stack([made[image] for image in shown.tolist()])
            result.samples["reconstructions.png"] = comparison_png(split.images[shown], pictures, 8, scale=3)
            result.samples["readings.md"] = _table(shown, lines, readings, truth)


def _against(truth: Mapping[int, Written], read: Sequence[Sequence[str]], side: int) -> list[Compared]:
    """What was read on each image against what is known to be written on it."""
    return [
        Compared(image, step_of(float(truth[image].height) * side), compare(" ".join(texts), truth[image].text))
        for image, texts in enumerate(read)
        if image in truth
    ]


def _add(result: TaskResult, compared: Sequence[Compared], split: str, reference: str) -> None:
    """Add the means over all texts and, for the test split, over those of each height; of no text nothing."""
    if not compared:
        return
    variant = "-".join(filter(None, (split, reference)))
    parts: dict[str, list[Compared]] = {"": list(compared)}
    if not split:
        for each in sorted(compared, key=lambda each: each.height):
            parts.setdefault(f"{each.height}-px", []).append(each)
    for part, texts in parts.items():
        images = np.array([text.image for text in texts])
        for metric, values in zip(METRICS, np.array([text.agreement for text in texts]).T, strict=True):
            result.add(metric, values, part=part, variant=variant, images=images)


def _add_legible(result: TaskResult, compared: Sequence[Compared], split: Split, cell: float | None) -> None:
    """Add the smallest legible height. cell: height of a cell of the code grid in pixels; None where there is none."""
    of_height = defaultdict[int, list[Compared]](list)
    for text in compared:
        of_height[text.height].append(text)
    accuracies = {
        height: np.array([text.agreement.word_accuracy for text in texts]) for height, texts in of_height.items()
    }
    images = {height: np.array([text.image for text in texts]) for height, texts in of_height.items()}
    for metric, unit in zip(LEGIBLE, (1.0, cell), strict=True):
        with result.attempt(metric, f"the {split.name} split", variant=split.variant):
            height = smallest_legible(accuracies)
            if unit is not None:
                error = error_of_legible(accuracies, images)
                of_unit = None if error is None else error / unit
                result.add_whole(metric, height / unit, len(compared), variant=split.variant, error=of_unit)


def _skip_all(result: TaskResult, variant: str, why: str) -> None:
    for metric in (*METRICS, *LEGIBLE, "images_with_text"):
        result.skip(f"{metric}@{variant}" if variant else metric, why)


def _table(shown: np.ndarray, lines: Lines, readings: Sequence[Sequence[str]], truth: Mapping[int, Written]) -> str:
    """What is written on some images, what was read on them, and what was read on their reconstructions."""
    rows = [
        (
            image,
            truth[image].text if image in truth else "",
            truth[image].height if image in truth else "",
            _plain(line.text for line in lines[image]),
            _plain(readings[image]),
        )
        for image in shown.tolist()
    ]
    return markdown_table(("image", "written", "height", "read before", "read after"), rows)


def _plain(texts: Iterable[str]) -> str:
    """Texts as a cell of a Markdown table."""
    return " / ".join(texts).replace("|", "\\|")
