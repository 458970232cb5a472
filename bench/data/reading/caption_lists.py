"""Lists of captions in a user's folder: CSV, JSON, JSON lines or Parquet, a row for each image or each caption."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from bench.data.reading.caption_texts import column, columns, is_text, texts_of
from bench.data.reading.json_rows import parse_json
from bench.data.reading.paths import open_file, read_text
from bench.data.reading.problems import some
from bench.data.reading.tables import read_table
from bench.errors import DataError

NAME_KEYS = (
    "file", "file_name", "filename", "file_path", "filepath", "image_path", "image_file", "image_filename",
    "image_name", "img_path", "img_name", "path", "image", "img", "name", "image_id", "id",
)  # fmt: skip
"""Columns or keys that may name a row's image; the first that holds a text is taken."""
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
WORDS = re.compile(r"(^|[^a-z])(captions?|metadata)([^a-z]|$)")
BATCH = 4_096


class Row(NamedTuple):
    """number: of its line, or of the row where lines say nothing. split: what its column of that name says."""

    number: int
    name: object
    texts: tuple[str, ...]
    split: str


class CaptionList(NamedTuple):
    """rows: those of one file. lacks: what keeps it from being used, with the columns found; else nothing."""

    rows: list[Row]
    lacks: str = ""


def is_name(key: str) -> bool:
    """Whether a column or key of this name may name an image."""
    return key in NAME_KEYS


def is_list(name: str) -> bool:
    """Whether a file of this name is a list: captions.* or metadata.*, also as a word of the name, or results.csv."""
    path = PurePosixPath(name.casefold())
    if path.name == "results.csv" or (path.suffix == ".txt" and path.stem == "captions"):
        return True
    return path.suffix in ENDINGS and WORDS.search(path.stem) is not None


def is_like_a_list(name: str) -> bool:
    """Whether a file of another name may be one all the same."""
    path = PurePosixPath(name.casefold())
    return path.suffix in (*ENDINGS, ".xlsx", ".arrow") or (
        path.suffix in (".txt", ".token") and re.search(r"caption|token|metadata", path.name) is not None
    )


def read_list(path: Path) -> CaptionList:
    """The rows of a list.

    Raises:
        DataError: it cannot be read, or is not what its ending says.
    """
    ending = path.suffix.casefold()
    if ending in (".csv", ".tsv", ".txt"):
        table = read_table(path, (is_name, is_text))
        found = _of_rows(table.rows, table.columns)
        return found._replace(lacks=f"{found.lacks} (its first line must name them)") if found.lacks else found
    if ending == ".parquet":
        return _of_rows(*_parquet(path))
    return _of_rows(_json(path))


def _of_rows(rows: Iterable[tuple[int, Any]], names: tuple[str, ...] = ()) -> CaptionList:
    """What rows hold; names: the columns, where the file names them before the rows."""
    read, seen = list[Row](), dict.fromkeys(names)
    for number, value in rows:
        row = columns(value) if isinstance(value, Mapping) else {}
        seen |= dict.fromkeys(row)
        given = (row[key] for key in NAME_KEYS if isinstance(row.get(key), str))
        read.append(Row(number, next(given, None), tuple(texts_of(row)), str(row.get("split", ""))))
    lacks = [
        f"no column that {what}, such as {examples}"
        for what, suits, examples in (
            ("names an image's file", is_name, "file, file_name or image"),
            ("holds its caption", is_text, "caption, captions or text"),
        )
        if not any(map(suits, seen))
    ]
    found = ", ".join(repr(name)[:60] for name in list(seen)[:12]) or "none"
    return CaptionList(read, f"has {' and '.join(lacks)}; its columns are {found}" if lacks else "")


def _json(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a JSON file: one a line, or what `_rows_within` finds."""
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and lines[0][1].lstrip().startswith("{") and lines[0][1].rstrip().endswith("}"):
        return ((number, parse_json(line, f"{path}, line {number}")) for number, line in lines)
    return enumerate(_rows_within(parse_json(text, str(path))) if lines else [], 1)


def _rows_within(value: Any) -> list[Any]:
    """The rows of a JSON value: a list, one under a key, COCO's two lists, captions by names of files, or one row."""
    if not isinstance(value, dict):
        return value if isinstance(value, list) else [value]
    row = columns(value)
    if any(map(is_name, row)) and any(map(is_text, row)):
        return [value]
    lists = [part for part in value.values() if isinstance(part, list) and part and isinstance(part[0], dict)]
    if isinstance(value.get("images"), list) and isinstance(value.get("annotations"), list):
        files = {str(image.get("id")): image.get("file_name") for image in value["images"] if isinstance(image, dict)}
        told = (row for row in value["annotations"] if isinstance(row, dict))
        return [{"file": files.get(str(row.get("image_id"))), "caption": row.get("caption")} for row in told]
    if lists:
        return max(lists, key=len)
    if value and all(PurePosixPath(name).suffix or texts_of(texts) for name, texts in value.items()):
        return [{"file": name, "captions": texts_of(texts)} for name, texts in value.items()]
    return [value]


def holds_images(path: Path) -> bool:
    """Whether a Parquet file has a column of images, as `datasets` stores them: their bytes and their paths.

    Of what cannot be read as Parquet, such as a pipe, nothing is known.
    """
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    try:
        with open_file(path) as file:
            types = parquet.read_schema(file).types
    except (pyarrow.ArrowException, OSError, ValueError):
        return False
    return any(pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 for kind in types)


def _parquet(path: Path) -> tuple[Iterator[tuple[int, Any]], tuple[str, ...]]:
    """The columns of a Parquet file that matter, row by row."""
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = tuple(file.schema_arrow.names)
        kept = [name for name in names if is_name(column(name)) or is_text(column(name)) or column(name) == "split"]
        rows = [row for batch in file.iter_batches(BATCH, columns=kept) for row in batch.to_pylist()]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is not Parquet, or is damaged: {some(str(error).splitlines()[:1])}") from error
    return enumerate(rows, 1), tuple(columns(dict.fromkeys(names)))
