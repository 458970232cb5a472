"""Captions as users write them: in a text file of an image, or under one of several names in a row or JSON object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from bench.data.reading.json_rows import parse_json
from bench.data.reading.paths import clean
from bench.data.reading.problems import counted
from bench.errors import DataError

TEXT_KEYS = (
    "captions", "caption", "caption_text", "text", "texts", "prompt", "description", "sentences", "sentence", "title",
    "comment", "comments", "raw",
)  # fmt: skip
"""Columns or keys that may hold a caption or captions, in the form that `column` gives them; the first is taken."""
NUMBERED = re.compile(r"(caption|text|sentence|comment|description)_?\d+")
"""Columns that hold one of several captions each."""
MOST_DEEP = 4
"""Lists and objects that may lie within each other where captions are expected."""
Reading = Literal["caption", "lines"]
"""How a text file is read: all of it as one caption, or each line as one."""


class Texts(NamedTuple):
    """What a file of captions holds. lines: of a text file, those that are not empty. numbers: it is nothing else."""

    captions: tuple[str, ...]
    lines: int = 1
    numbers: bool = False


def column(name: object) -> str:
    """The name of a column or key as it is compared: no case, no spaces, "_" between words."""
    return re.sub(r"[\s_-]+", "_", str(name).strip().strip("\"'").strip()).casefold()


def is_text(key: str) -> bool:
    """Whether a column or key of this name may hold captions."""
    return key in TEXT_KEYS or NUMBERED.fullmatch(key) is not None


def columns(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row or JSON object by the names that `column` gives; of two that become one, the first."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        found.setdefault(column(key), value)
    return found


def texts_of(value: object, deep: int = 0) -> list[str]:
    """The captions of a value: a text, an object that holds one, or a list of either; without empty ones."""
    if isinstance(value, list | tuple) and deep < MOST_DEEP:
        return [text for part in value for text in texts_of(part, deep + 1)]
    if isinstance(value, Mapping) and deep < MOST_DEEP:
        row = columns(value)
        named = next((texts for key in TEXT_KEYS if key in row and (texts := texts_of(row[key], deep + 1))), [])
        return named or [text for key in row if NUMBERED.fullmatch(key) for text in texts_of(row[key], deep + 1)]
    text = clean(value)
    return [text] if text else []


def of_text(text: str, how: Reading) -> Texts:
    """The captions of a text file. Box labels of detectors, rows of five numbers or more, are none."""
    lines = [line for line in map(clean, text.split("\n")) if line]
    if lines and all(_is_box(line) for line in lines):
        return Texts((), len(lines), numbers=True)
    captions = tuple(lines) if how == "lines" else (" ".join(lines),)
    return Texts(captions if lines else (), len(lines))


def of_json(text: str, name: str) -> Texts:
    """The captions of a JSON file about one image. Raises `DataError` where it is no JSON."""
    return Texts(tuple(texts_of(parse_json(text, name))))


def decoded(data: bytes) -> str:
    """A text in UTF-8. Raises `DataError` where it is something else."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise DataError("a text that is not UTF-8") from error


def several_lines(files: int, how: Reading, loader: str) -> str:
    """The line that says how text files of several lines were read, and how else they may be."""
    told = f"several lines in {counted(files, '.txt file')}"
    if how == "caption":
        return f"{told}, read as one caption each; --set {loader}.txt=lines makes each line a caption"
    return f"{told}, each read as a caption; --set {loader}.txt=caption makes each file one"


def only_numbers(files: int) -> str:
    """The line that says that some text files are no captions."""
    return f"not used: {counted(files, 'caption')} of numbers only: box labels?"


def _is_box(line: str) -> bool:
    return re.fullmatch(r"\d+(\s+[-+]?\d*\.?\d+(e[-+]?\d+)?){4,}", line) is not None
