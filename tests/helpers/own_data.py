"""Small sets of a user's own: pictures, lists, and what the loaders make of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from bench.data.reading.check import as_text, check, loader
from helpers.miniatures import put

COUNT = 30


def picture(number: int, form: str = "PNG") -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 90, 200)).save(packed, form)
    return packed.getvalue()


PICTURES = [picture(number) for number in range(2 * COUNT)]


def images(root: Path, form: str = "{}.png", count: int = COUNT) -> list[str]:
    """Pictures of these names, and the names."""
    names = [form.format(number) for number in range(count)]
    for name, data in zip(names, PICTURES, strict=False):
        put(root / name, data)
    return names


def beside(root: Path, form: str = "{}.png", count: int = COUNT, ending: str = ".txt") -> list[str]:
    names = images(root, form, count)
    for number, name in enumerate(names):
        put((root / name).with_suffix(ending), f"thing {number}")
    return names


def rows(names: list[str], head: str = "file,caption", **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **options).writerows([head.split(","), *([name, f"thing {n}"] for n, name in enumerate(names))])
    return text.getvalue()


def things(names: list[str]) -> dict[str, tuple[str, ...]]:
    return {name: (f"thing {number}",) for number, name in enumerate(names)}


def jsonl(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def lines(names: list[str], name: str = "file", text: str = "caption") -> list[dict[str, str]]:
    return [{name: file, text: f"thing {number}"} for number, file in enumerate(names)]


def read(root: Path, name: str = "folder", **arguments: Any) -> dict[str, tuple[str, ...]]:
    """The captions of all images that can be used, by their keys."""
    dataset = loader(name)(size=16, root=root, **arguments)
    return {e.key: e.captions for split in dataset.splits for e in dataset.read_listing(split).examples}


def in_splits(root: Path, name: str = "folder") -> dict[str, set[str]]:
    dataset = loader(name)(size=16, root=root)
    return {split: {example.key for example in dataset.read_listing(split).examples} for split in dataset.splits}


def told(root: Path, name: str = "folder", sound: bool = True) -> str:
    """What `data check` prints."""
    report = check(name, root)
    assert report.sound is sound, as_text(report)
    return as_text(report)
