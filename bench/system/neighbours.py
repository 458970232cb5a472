"""What lies beside a plug-in's file: the modules that its imports mean before anything that is installed.

As for a script that is run: first what lies in the file's own folder, then the package that this folder belongs to, by
the package's name. One rule serves the import itself and the fingerprint of what was imported.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import NamedTuple

from bench.errors import UsageError

MAX_SOURCE_BYTES = 4 * 2**20
"""Nobody writes a longer file by hand."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders in which unrelated modules lie side by side."""

PROJECT = "bench"
"""This project's package, which nothing beside a plug-in stands in for."""


class Place(NamedTuple):
    """A folder in which modules are looked up. top: the only package there that counts; "" where all count."""

    folder: Path
    top: str


Places = tuple[Place, ...]


def places_of(file: Path) -> Places:
    """Where the modules that belong to a file lie, the first first."""
    own = file.parent
    above, top = own, ""
    while (above / "__init__.py").is_file():
        above, top = above.parent, above.name
    beside = () if own.name in INSTALLED else (Place(own, ""),)
    return (*beside, Place(above, top)) if top else beside


@functools.cache
def find(parts: tuple[str, ...], places: Places) -> tuple[Path, ...]:
    """The files of a module and of the packages above it, the module's last; empty where it lies in none of the places.

    Args:
        parts: of its full name, ("package", "module"). A folder without __init__.py is a package that has no file.
    """
    for place in places:
        if parts[0] != place.top and (place.top or parts[0] == PROJECT):
            continue
        last = place.folder.joinpath(*parts)
        for path in (last / "__init__.py", last.with_name(f"{last.name}.py")):
            if path.is_file():
                above = (place.folder.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts)))
                return (*(file.resolve() for file in above if file.is_file()), path.resolve())
    return ()


def parse_source(path: Path) -> ast.Module:
    """The syntax tree of a Python file.

    Raises:
        UsageError: it is no regular file, too long, or not Python.
    """
    try:
        if not path.is_file():
            raise UsageError(f"cannot read plug-in {path}: {'no regular file' if path.exists() else 'no such file'}")
        if path.stat().st_size > MAX_SOURCE_BYTES:
            raise UsageError(f"cannot read plug-in {path}: larger than {MAX_SOURCE_BYTES // 2**20} MiB")
        return ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"cannot read plug-in {path}: {error or type(error).__name__}") from error
