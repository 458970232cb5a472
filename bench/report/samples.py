"""What is shown of a task's samples, and of which records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from bench.records.record import Record
from bench.report import pictures
from bench.report.examples import Examples
from bench.report.places import Place
from bench.report.text import cut

LONGEST_TEXT = 4_000


@dataclass(frozen=True)
class Picture:
    """A picture. who: the method, or what it shows of all. number: of its place in the page."""

    who: str
    about: str
    url: str
    width: int
    height: int
    number: int


@dataclass
class Shown:
    """One kind of sample. texts: what is no table, by method. notes: what is left out.

    sheet: the one picture that all methods have, if there are several methods.
    """

    title: str
    pictures: list[Picture] = field(default_factory=list)
    examples: Examples | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sheet: Image.Image | None = None


def one_a_method(place: Place, records: Iterable[Record], order: Sequence[str]) -> dict[str, Record]:
    """Of each row the training of the lowest seed that left samples."""
    lowest: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: (record.seed, record.fit_seed, record.key)):
        if record.status == "ok" and record.samples:
            lowest.setdefault(place.label(record), record)
    return {label: lowest[label] for label in order if label in lowest}


def of_equal_originals(images: Mapping[str, Image.Image]) -> list[dict[str, Image.Image]]:
    """Pictures by their upper rows, so that each is beside the originals that it belongs to."""
    groups: dict[str, dict[str, Image.Image]] = {}
    for label, image in images.items():
        pair = pictures.halves(image)
        originals = hashlib.sha256(pair[0].tobytes()).hexdigest() if pair else label
        groups.setdefault(originals, {})[label] = image
    return list(groups.values())


def file_of(sample: str) -> str:
    """A sample's own name, without that of its record."""
    return sample.rpartition("/")[2]


def lines_of(text: str) -> str:
    """A text that is no table, cut where it is endless."""
    return "\n".join(cut(line) for line in text[:LONGEST_TEXT].splitlines())
