"""VQA v2 (Goyal et al., 2017, arXiv:1612.00837): ten people's answers to each question about COCO's images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from typing_extensions import override

from bench.data.reading import coco_files
from bench.data.reading.base import FromFiles
from bench.data.reading.coco_photographs import photographs
from bench.data.reading.examples import AnsweredQuestion, Example, Listing
from bench.data.reading.json_rows import field, rows
from bench.data.reading.paths import clean, find, find_optional
from bench.data.reading.problems import Kind, Problem
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets

PARTS = {"train": "train2014", "validation": "train2014", "test": "val2014"}


@datasets.register("vqav2", offers=("captions", "questions"), reads_files=True)
@dataclass(frozen=True)
class VqaV2(FromFiles):
    """658,111 questions with ten answers each. The test split is "val2014": the answers of "test2015" are not public.

    coco: the folder of COCO 2014's images and captions; else they are looked for among this data set's files.
    """

    coco: Path | None = None
    name: ClassVar[str] = "vqav2"
    get: ClassVar[str] = (
        "From visualqa.org/download.html get the training and validation questions and annotations (v2), and unpack "
        "them in the data set's folder; for images and captions get COCO 2014 and name it by --set vqav2.coco=DIR"
    )
    redistributable: ClassVar[bool] = False
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 82_783, "questions": 443_757},
        "test": {"images": 40_504, "questions": 214_354},
    }
    flip: ClassVar[bool] = True

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        parts = ("train2014", "val2014")
        texts = [path for part in parts for path in (_questions(root, part), _annotations(root, part))]
        coco = self.coco or root
        captions = [] if self.lacks("captions") else [coco_files.caption_file(coco, part) for part in parts]
        images = dict.fromkeys(folder for part in parts for folder in photographs(coco, part).folders)
        return [*texts, *images, *captions]

    @override
    def lacks(self, kind: str) -> str | None:
        return coco_files.missing_captions(self.coco or self.folder(), PARTS.values()) if kind == "captions" else None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        coco, part = self.coco or root, PARTS[split]
        answered = _answers(_annotations(root, part), listing.problems)
        asked: dict[int, list[AnsweredQuestion]] = defaultdict(list)
        path = _questions(root, part)
        for row in rows(path, "questions"):
            number, image = field(row, "question_id", int, path), field(row, "image_id", int, path)
            text, answer = clean(row.get("question")), answered.pop(number, None)
            questions = asked[image]  # an image without questions is noticed as one
            if not text or answer is None:
                listing.note(f"{path.name}, question {number}", Kind.QUESTION, "no text, or no answers", str(image))
            elif answer.common:
                questions.append(AnsweredQuestion(text, answer.common, answer.kind, answer.all))
        for number, left in answered.items():
            what = "answers to a question that is not asked"
            listing.note(f"question {number}", Kind.STRAY, what, str(left.image))
        captions = coco_files.optional_captions(coco, PARTS, split, listing.problems)
        needs = ("questions", "captions") if captions else ("questions",)
        images, mine = photographs(coco, part), share(split, [str(number) for number in asked])
        for image, questions in asked.items():
            if mine(str(image)):
                file = images.of(image)
                listing.add(Example(str(image), file, captions.get(image, ()), tuple(questions)), needs)
        return listing.of_part(mine, split != "validation")


class _Answers(NamedTuple):
    """The answers to one question. common: the most frequent one; empty where the row is broken, which is noted."""

    image: int
    common: str = ""
    kind: str = ""
    all: tuple[str, ...] = ()


def _answers(path: Path, problems: list[Problem]) -> dict[int, _Answers]:
    """The answers by question id."""
    answered: dict[int, _Answers] = {}
    words: dict[str, str] = {}  # millions of answers, thousands of different ones

    def word(value: object) -> str:
        text = clean(value)
        return words.setdefault(text, text)

    for row in rows(path, "annotations"):
        number, image = field(row, "question_id", int, path), field(row, "image_id", int, path)
        given: list[Any] = field(row, "answers", list, path)
        answers = tuple(word(person.get("answer")) for person in given if isinstance(person, dict))
        common, kind = word(row.get("multiple_choice_answer")), word(row.get("answer_type"))
        if number in answered or not common or not kind or not answers:
            what = "no answer, no type, or there twice"
            problems.append(Problem(f"{path.name}, question {number}", Kind.QUESTION, what, str(image)))
            answered.setdefault(number, _Answers(image))
        else:
            answered[number] = _Answers(image, common, kind, answers)
    return answered


def _questions(root: Path, part: str) -> Path:
    return _file(root, f"OpenEnded_mscoco_{part}_questions.json")


def _annotations(root: Path, part: str) -> Path:
    return _file(root, f"mscoco_{part}_annotations.json")


def _file(root: Path, name: str) -> Path:
    """A file of VQA v2. Raises `DataError` where it is missing; the first version's and OK-VQA's are called alike."""
    try:
        return find(root, f"v2_{name}")
    except DataError as error:
        other = find_optional(root, name)
        if other:
            raise DataError(
                f"{other} is of VQA's first version or of OK-VQA, which are not read: get v2_{name}"
            ) from error
        raise
