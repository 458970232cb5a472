"""COCO-QA (Ren et al., 2015, arXiv:1505.02074): questions made from COCO's captions, one-word answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.data.reading import coco_files
from bench.data.reading.base import FromFiles
from bench.data.reading.coco_photographs import photographs
from bench.data.reading.examples import AnsweredQuestion, Example, Listing
from bench.data.reading.paths import clean, find, read_text
from bench.data.reading.problems import Kind
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets

FILES = ("questions.txt", "answers.txt", "img_ids.txt", "types.txt")
KINDS = {"0": "object", "1": "number", "2": "color", "3": "location"}
PARTS = {"train": "train2014", "validation": "train2014", "test": "val2014"}


@datasets.register("cocoqa", offers=("captions", "questions"), reads_files=True)
@dataclass(frozen=True)
class CocoQa(FromFiles):
    """117,684 questions about COCO's images, of four kinds; captions are COCO's.

    coco: the folder of COCO 2014's images and captions; else they are looked for among this data set's files.
    """

    coco: Path | None = None
    name: ClassVar[str] = "cocoqa"
    get: ClassVar[str] = (
        "Get cocoqa-2015-05-17.zip from www.cs.toronto.edu/~mren/research/imageqa/data/cocoqa and unpack it in the "
        "data set's folder; for images and captions get COCO 2014 and name it by --set cocoqa.coco=DIR"
    )
    redistributable: ClassVar[bool] = False
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"questions": 78_736},
        "test": {"questions": 38_948},
    }
    flip: ClassVar[bool] = True

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        texts = [find(root, f"{part}/{name}") for part in ("train", "test") for name in FILES]
        coco = self.coco or root
        images = dict.fromkeys(f for part in ("train2014", "val2014") for f in photographs(coco, part).folders)
        captions = (
            [] if self.lacks("captions") else [coco_files.caption_file(coco, p) for p in ("train2014", "val2014")]
        )
        return [*texts, *images, *captions]

    @override
    def lacks(self, kind: str) -> str | None:
        return coco_files.missing_captions(self.coco or self.folder(), PARTS.values()) if kind == "captions" else None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        folder = find(root, f"{'test' if split == 'test' else 'train'}/{FILES[0]}").parent
        columns = [read_text(find(folder, name)).split("\n") for name in FILES]
        columns = [lines[:-1] if lines[-1] == "" else lines for lines in columns]
        if len({len(lines) for lines in columns}) != 1:
            raise DataError(f"{folder}: its four files have {', '.join(str(len(lines)) for lines in columns)} lines")
        asked: dict[int, list[AnsweredQuestion]] = defaultdict(list)
        for line, (question, answer, image, kind) in enumerate(zip(*columns, strict=True), 1):
            text, word, digits = clean(question), clean(answer), clean(image)
            where = f"{folder.name}, line {line}"
            if not digits.isdecimal() or len(digits) > 18:
                listing.note(where, Kind.QUESTION, "no image")
                continue
            questions = asked[int(digits)]  # an image without questions is noticed as one
            if not text or not word or kind.strip() not in KINDS:
                listing.note(where, Kind.QUESTION, "no question, answer or type", str(int(digits)))
            else:
                questions.append(AnsweredQuestion(f"{text.rstrip('? ')}?", word, KINDS[kind.strip()]))
        coco, part = self.coco or root, PARTS[split]
        captions = coco_files.optional_captions(coco, PARTS, split, listing.problems)
        needs = ("questions", "captions") if captions else ("questions",)
        images, mine = photographs(coco, part), share(split, [str(number) for number in asked])
        for number, questions in asked.items():
            if mine(str(number)):
                image = images.of(number)
                listing.add(Example(str(number), image, captions.get(number, ()), tuple(questions)), needs)
        return listing.of_part(mine, split != "validation")
