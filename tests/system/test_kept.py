from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import DataError
from bench.system.kept import kept, kept_folder, key_of


class Counter:
    """Makes the number 7 and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def make(self) -> int:
        self.times += 1
        return 7

    def fill(self, folder: Path) -> None:
        (folder / "number").write_bytes(pack(self.make()))


def pack(number: int) -> bytes:
    return str(number).encode()


def read(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))


def read_folder(folder: Path) -> int:
    return read(folder / "number")


def test_a_value_is_made_once_and_then_read(tmp_path: Path) -> None:
    counter = Counter()
    assert [kept(tmp_path / "new" / "number", counter.make, pack, read) for _ in range(3)] == [7, 7, 7]
    assert [kept_folder(tmp_path / "folder", counter.fill, read_folder) for _ in range(3)] == [7, 7, 7]
    assert counter.times == 2


def test_without_a_place_a_value_is_made_each_time() -> None:
    counter = Counter()
    assert [kept(None, counter.make, pack, read) for _ in range(2)] == [7, 7]
    assert counter.times == 2


def test_a_damaged_file_is_named_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "number").write_bytes(b"seven")
    for call in (
        lambda: kept(tmp_path / "number", Counter().make, pack, read),
        lambda: kept_folder(tmp_path, Counter().fill, read_folder),
    ):
        with pytest.raises(DataError, match=r"is damaged \(invalid literal.*'seven'\); delete it and it is made anew"):
            call()


def test_what_fails_while_it_is_made_leaves_nothing_behind(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "number").write_bytes(b"7")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        kept_folder(tmp_path / "folder", fill, read_folder)
    assert list(tmp_path.iterdir()) == []


def test_keys_are_short_and_differ_with_the_value() -> None:
    keys = {key_of(["features", number]) for number in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {20}
