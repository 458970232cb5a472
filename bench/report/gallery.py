"""All samples of the page: pictures, captions and answers of all methods side by side, of one training each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from bench.leaderboard.table import Table
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.report import pictures
from bench.report.budget import Budget
from bench.report.examples import parse, side_by_side
from bench.report.permission import WITHHELD, may_be_shown
from bench.report.places import Place
from bench.report.samples import Picture, Shown, file_of, lines_of, of_equal_originals, one_a_method
from bench.report.text import cut, name
from bench.system import untrusted

MOST_METHODS = 16
"""Of a task: each has its row of pictures."""
NUMBERED = "image"
"""The column of examples that counts the images of a sheet."""
MAX_TEXT = 2**18
NUMBERS = ".json"
"""Ending of samples that are numbers, which are drawn elsewhere."""
CODEBOOK = "codebook.png"
"""Stands with the plots of how codes are used."""
PAIRS = ("reconstructions.png", "completions.png")
"""Pictures whose upper row is of originals."""


@dataclass
class Gallery:
    """All samples of the page. of_record: a record's key to the numbers of its pictures. budget: of their bytes."""

    store: RecordStore
    budget: Budget
    of_record: dict[str, list[int]] = field(default_factory=dict)
    count: int = 0

    def of_table(self, place: Place, table: Table) -> list[Shown]:
        """The samples of one task, by file name."""
        if not may_be_shown(place.records[0].dataset):
            return [Shown("", notes=[WITHHELD])] if any(record.samples for record in place.behind(table)) else []
        chosen = one_a_method(place, place.behind(table), [row.label for row in table.rows])
        left_out = len(chosen) - MOST_METHODS
        few = dict(list(chosen.items())[:MOST_METHODS])
        files = {file_of(sample) for record in few.values() for sample in record.samples}
        in_order = sorted(files, key=lambda file: (not file.endswith(".png"), file))  # what is asked about first
        shown = [self._of_file(file, few) for file in in_order if not file.endswith(NUMBERS) and file != CODEBOOK]
        self._illustrate(shown)
        if left_out > 0 and shown:
            shown[0].notes.append(f"Of the first {MOST_METHODS} methods alone; {left_out} more have samples.")
        return [each for each in shown if each.pictures or each.examples or each.texts or each.notes]

    def codebooks(self, place: Place) -> list[Picture]:
        """What the codes of each method look like, where a record of its lowest seed holds it."""
        shown = Shown("codes")
        if not may_be_shown(place.records[0].dataset):
            return []
        labels = list(dict.fromkeys(map(place.label, place.records)))
        having = [record for record in place.records if f"{record.key}/{CODEBOOK}" in record.samples]
        self._add_pictures(shown, CODEBOOK, dict(list(one_a_method(place, having, labels).items())[:MOST_METHODS]))
        return shown.pictures

    def _of_file(self, file: str, records: Mapping[str, Record]) -> Shown:
        """What all methods have under one file name."""
        shown = Shown(cut(file.rpartition(".")[0].replace("-", " "), 40))
        having = {label: record for label, record in records.items() if f"{record.key}/{file}" in record.samples}
        if file.endswith(".png"):
            self._add_pictures(shown, file, having)
        elif file.endswith((".md", ".txt")):
            self._add_texts(shown, file, having)
        else:
            shown.notes.append(f"{cut(file)} is of a kind that is not shown.")
        return shown

    def _add_pictures(self, shown: Shown, file: str, records: Mapping[str, Record]) -> None:
        images: dict[str, Image.Image] = {}
        for label, record in records.items():
            try:
                images[label] = pictures.read(self._path(record, file))
            except pictures.BadPicture as error:
                shown.notes.append(f"{name(label)}: {cut(file)} is left out: {error}.")
        for group in of_equal_originals(images) if file in PAIRS else [images]:
            cut_up = {label: pictures.halves(image) for label, image in group.items()} if file in PAIRS else {}
            originals = next((pair[0] for pair in cut_up.values() if pair), None)
            if originals is not None:
                self._add(shown, "originals", "the original images", originals, [records[label] for label in group])
            alike = len(group) > 1 and len({image.tobytes() for image in group.values()}) == 1
            shown.sheet = next(iter(images.values())) if alike and len(group) == len(images) else None
            for label, image in list(group.items())[: 1 if alike else None]:
                pair = cut_up.get(label)
                whose = [records[other] for other in group] if alike else [records[label]]
                who = "all methods" if alike else name(label)
                self._add(shown, who, shown.title, pair[1] if pair else image, whose)

    def _add(self, shown: Shown, who: str, about: str, image: Image.Image, records: Iterable[Record]) -> None:
        url = pictures.as_url(image)
        if not self.budget.take(len(url)):
            shown.notes.append(f"{who}: left out, the report has no room for more pictures.")
            return
        shown.pictures.append(Picture(who, about, url, image.width, image.height, self.count))
        for record in records:
            self.of_record.setdefault(record.key, []).append(self.count)
        self.count += 1

    def _add_texts(self, shown: Shown, file: str, records: Mapping[str, Record]) -> None:
        texts: dict[str, str] = {}
        for label, record in records.items():
            try:
                texts[label] = untrusted.read(self._path(record, file), MAX_TEXT).decode("utf-8")
            except (OSError, ValueError) as error:
                shown.notes.append(f"{name(label)}: {cut(file)} cannot be read ({type(error).__name__}).")
        tables = {label: parse(text) for label, text in texts.items()}
        sound = {label: table for label, table in tables.items() if table is not None}
        shown.examples = side_by_side(sound) if sound and len(sound) == len(tables) else None
        if shown.examples is None:
            shown.texts = [(name(label), lines_of(text)) for label, text in texts.items()]

    def _illustrate(self, shown: Sequence[Shown]) -> None:
        """Put the images that examples are about beside them, instead of all on one sheet."""
        sheets = [each for each in shown if each.sheet is not None]
        for each in shown:
            examples = each.examples
            if len(sheets) != 1 or sheets[0].sheet is None or examples is None or NUMBERED not in examples.given:
                continue
            tiles = pictures.tiles(sheets[0].sheet, len(examples.examples)) or []
            urls = [pictures.as_url(tile) for tile in tiles]
            if urls and self.budget.take(sum(map(len, urls))):
                each.examples = examples.with_pictures(urls)
                sheets[0].pictures = []

    def _path(self, record: Record, file: str) -> Path:
        return self.store.path_of(record).with_suffix("") / file
