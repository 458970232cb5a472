"""Pickles that data sets ship (RefCOCO's refs, lists of file names): plain values only, nothing runs.

A pickle is a program. Before it is loaded its instructions are read through, and one that could name, make or call
anything but containers, strings and numbers is refused.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.data.reading.paths import open_file
from bench.errors import DataError

MAX_BYTES = 2**28
INSTRUCTIONS = {instruction.code: instruction for instruction in pickletools.opcodes}
ALLOWED = frozenset(
    (
        *("MARK", "STOP", "POP", "POP_MARK", "DUP", "PROTO", "FRAME", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT"),
        *("BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
        *("SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
        *("BINUNICODE8", "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET"),
        *("BINGET", "LONG_BINGET"),
    )
)
PROTOCOL = b"\x80"
"""The first byte of every pickle that is no text."""
STORE = ("PUT", "BINPUT", "LONG_BINPUT")


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"refused: {module}.{name}")


def load(path: Path) -> Any:
    """The value in a pickle of Python 2 or 3; its old byte strings are read as Latin-1.

    Raises:
        DataError: missing, too large, not a pickle, or anything but plain containers, strings and numbers.
    """
    try:
        with open_file(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise DataError(f"{path} is too large for a list of names or references")
            data = file.read()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return loads(data, str(path))


def loads(data: bytes, name: str) -> Any:
    """The value in these bytes; `name` is what an error calls them. Raises `DataError` as `load` does."""
    if data[:1] != PROTOCOL and data.count(b"\n") == data.count(b"\r\n"):
        data = data.replace(b"\r\n", b"\n")  # a text, in Python 2's first protocol, whose line ends were changed
    try:
        for instruction, argument in _instructions(io.BytesIO(data)):
            if instruction not in ALLOWED:
                raise DataError(f"{name} is refused: a pickle with {instruction}, which is no plain value")
            # the reader makes room for as many stored values as the highest number says
            if instruction in STORE and not (isinstance(argument, int) and 0 <= argument <= len(data)):
                raise DataError(f"{name} is refused: it stores value number {argument}")
        return _Plain(io.BytesIO(data), encoding="latin1").load()
    except DataError:
        raise
    except Exception as error:  # the reader raises nearly anything where the bytes are wrong
        raise DataError(f"{name} is not a pickle: {type(error).__name__}") from error


def _instructions(data: io.BytesIO) -> Iterator[tuple[str, Any]]:
    """Name and argument of each instruction; `pickletools.genops` would stop at old strings that are not ASCII."""
    instruction = ""
    while instruction != "STOP":
        opcode = INSTRUCTIONS[data.read(1).decode("latin1")]
        instruction = opcode.name
        if instruction == "STRING":
            yield instruction, data.readline()
        else:
            yield instruction, opcode.arg.reader(data) if opcode.arg else None


def names(path: Path) -> list[str]:
    """A pickled list of file names.

    Raises:
        DataError: see `load`; also where it is not a list of text.
    """
    value = load(path)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise DataError(f"{path} is not a list of names")
    return value
