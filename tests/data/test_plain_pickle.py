"""Pickles of plain values are read; anything that could run is refused before it does."""

from __future__ import annotations

import contextlib
import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.reading import plain_pickle
from bench.errors import DataError

PLAIN = [
    {"ref_id": 0, "sent_ids": [0, 1], "box": (1.5, -2, 2**70), "sent": "naïve", "none": None, "flag": True},
    "a",
    b"b",
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_of_every_protocol(protocol: int) -> None:
    value = PLAIN[:2] if protocol < 3 else PLAIN  # bytes of Python 3 are a call in old protocols
    assert plain_pickle.loads(pickle.dumps(value, protocol), "x") == value


def test_strings_of_python_2() -> None:
    old = b"(lp0\nS'COCO_train2014_1.jpg'\np1\naS'caf\\xe9'\np2\na."
    assert plain_pickle.loads(old, "x") == ["COCO_train2014_1.jpg", "café"]


class Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_hostile_pickle_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.pickle"
        path.write_bytes(pickle.dumps([{"split": "train"}, Runs(tmp_path / "made")], protocol))
        with pytest.raises(DataError, match="refused"):
            plain_pickle.load(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02c__builtin__\neval\nU\x031+1\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x82\x01.",
        b"Pname\n.",
        b"]q\x00}U\x0c__setstate__K\x01sb.",
        b"\x80\x02]r\xff\xff\xff\x7f.",
        b"]p2147483647\n.",
        pickle.dumps(np.arange(3)),
        pickle.dumps(OrderedDict(a=1)),
        pickle.dumps({1, 2}, 2),
        b"",
        b".",
        b"not a pickle",
        b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"I" + b"9" * 5000 + b"\n.",
    ],
)
def test_everything_else_is_a_data_error(data: bytes) -> None:
    with pytest.raises(DataError):
        plain_pickle.loads(data, "x")


OPCODES = [instruction.code.encode("latin1") for instruction in pickletools.opcodes]


@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=6) | st.just(b"\n"), max_size=25).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_value_or_a_data_error(data: bytes) -> None:
    with contextlib.suppress(DataError):
        plain_pickle.loads(data + b".", "x")


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "filenames.pickle"
    path.write_bytes(pickle.dumps(["1", "2"], 2))
    assert plain_pickle.names(path) == ["1", "2"]
    path.write_bytes(pickle.dumps(["1", 2], 2))
    with pytest.raises(DataError, match="not a list of names"):
        plain_pickle.names(path)
    with pytest.raises(DataError, match="missing"):
        plain_pickle.names(tmp_path / "none")
