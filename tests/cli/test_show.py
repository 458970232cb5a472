"""`show`: a record by the beginning of its key, where its files lie, and how it is made again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import a_record

from bench.cli.listing import one_record
from bench.errors import UsageError
from bench.records.command import command_of
from bench.records.store import RecordStore
from bench.registry import ROOT


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    store = RecordStore(tmp_path)
    store.write(a_record(key="abc1"), {"accuracy": np.ones(4)}, {"a.txt": "x", "b.png": b""})
    store.write(a_record(key="abd2"))
    return store


def test_it_is_json_then_the_files_then_the_command(store: RecordStore) -> None:
    shown = one_record("abc", store.root)
    record, end = json.JSONDecoder().raw_decode(shown)
    folder = store.root / "emoji-scenes" / "lgvq" / "vqa"
    stored = store.get("abc1")
    assert stored is not None
    assert record == json.loads(stored.to_json())
    lines = shown[end:].strip().split("\n")
    assert lines[:-1] == [str(folder / name) for name in ("abc1.json", "abc1.npz", "abc1/a.txt", "abc1/b.png")]
    assert all(Path(line).is_file() for line in lines[:-1])
    assert lines[-1] == command_of(stored)


def test_only_the_record_is_opened(store: RecordStore) -> None:
    (store.root / "emoji-scenes" / "lgvq" / "vqa" / "zzz.json").write_text("{")
    assert "left out" not in one_record("abc1", store.root)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("ab", r"'ab' is the beginning of 2 keys: abc1, abd2$"),
        ("", r"'' is the beginning of 2 keys"),
        ("abc2", r"no record 'abc2' in .*: did you mean 'ab"),
        ("x\x1b[31m*/../", r"no record 'x\\x1b\[31m\*/../' in .*: 2 records have other keys$"),
    ],
)
def test_none_and_several_are_said_in_one_line(key: str, why: str, store: RecordStore) -> None:
    with pytest.raises(UsageError, match=why):
        one_record(key, store.root)


def test_a_broken_record_is_named_and_a_second_one_too(store: RecordStore) -> None:
    broken = store.root / "emoji-scenes" / "lgvq" / "vqa" / "broken.json"
    broken.write_text("{")
    with pytest.raises(UsageError, match=r"no record 'bro' in .*broken\.json: not a record"):
        one_record("bro", store.root)
    second = store.root / "emoji-scenes" / "lgvq" / "other" / "abc1.json"
    second.parent.mkdir()
    second.write_text(a_record(task="other", key="abc1").to_json())
    last = one_record("abc1", store.root).rpartition("\n")[2]
    assert last.startswith(f"left out: {store.root}/emoji-scenes/lgvq/vqa/abc1.json: a second record of this key")


def test_what_a_terminal_acts_on_is_shown(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "results")
    store.write(a_record("\x1b[31m\n<script>", task="\u202e", key="k", arguments={"\x07": "\x1b"}))
    shown = one_record("k", store.root)
    assert shown.isascii()
    assert "".join(shown.split("\n")).isprintable()
    assert store.root.joinpath("emoji-scenes").is_dir()


def test_a_committed_record_is_shown_without_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from bench.cli.listing import one_record\n"
        "print(one_record(sys.argv[1], Path('results')).rpartition(chr(10))[2])\n"
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)\n"
    )
    key = next((ROOT / "results").glob("*/lgvq/vqa/*.json")).stem
    done = subprocess.run(
        [sys.executable, "-c", program, key[:12]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("python -m bench run --methods lgvq --tasks vqa --datasets emoji-scenes")
