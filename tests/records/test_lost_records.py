"""Records that are damaged, incomplete, misplaced or no files at all stop only themselves, and are written again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.disks import fill_up, make_read_only, small_disk
from helpers.made_records import a_record

from bench.errors import BenchError, RecordError, UsageError
from bench.records.record import Record
from bench.records.store import RecordStore

SCORES = {"accuracy": np.random.default_rng(0).random(400)}
Change = Callable[[Path], object]


def files_of(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def cut(path: Path, bytes_left: int) -> None:
    path.write_bytes(path.read_bytes()[:bytes_left])


def zeros_from(path: Path, start: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:start] + bytes(len(content) - start))


def conflict(path: Path) -> None:
    text = path.read_text()
    path.write_text(f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")


def without_metrics(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": {}}))


def move_method(path: Path) -> None:
    path.parents[1].rename(path.parents[1].with_name("renamed"))


def scores(change: Change) -> Change:
    return lambda path: change(path.with_suffix(".npz"))


CHANGES: dict[str, Change] = {
    "empty": lambda path: cut(path, 0),
    "cut": lambda path: cut(path, 300),
    "minus one byte": lambda path: cut(path, -2),
    "zeros": lambda path: zeros_from(path, 0),
    "second half zeros": lambda path: zeros_from(path, 300),
    "conflict marks": conflict,
    "no metrics": without_metrics,
    "in a renamed folder": move_method,
    "a folder": lambda path: (path.unlink(), path.mkdir(), (path / "inside").touch()),
    "scores deleted": scores(Path.unlink),
    "scores empty": scores(lambda path: cut(path, 0)),
    "scores cut": scores(lambda path: cut(path, 700)),
    "scores minus one byte": scores(lambda path: cut(path, -1)),
    "scores half zeros": scores(lambda path: zeros_from(path, 700)),
    "scores a folder": scores(lambda path: (path.unlink(), path.mkdir())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_counts_as_not_there_until_it_is_written_again(change: str, tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    other = store.write(a_record(key="other"))
    lost = store.write(a_record(key="lost"), SCORES, {"a.txt": "x"})
    files = files_of(tmp_path)
    CHANGES[change](store.path_of(lost))
    if change == "in a renamed folder":
        store.write(other)
    assert store.get("lost") is None
    assert len(store.problems) == 1
    assert "\n" not in store.problems[0]
    assert "/lost." in store.problems[0]
    assert store.get("lost") is None
    assert len(store.problems) == 1, "each line once"
    store = RecordStore(tmp_path)
    assert store.recorded(["lost", "missing", "other"]) == {"other": other}
    assert len(store.problems) == 1
    again = store.write(a_record(key="lost"), SCORES, {"a.txt": "x"})
    store = RecordStore(tmp_path)
    assert store.recorded(["other", "lost"]) == {"other": other, "lost": again}
    assert store.get("lost") == again
    assert store.problems == []
    assert store.scores(again)["accuracy"] == pytest.approx(SCORES["accuracy"], rel=1e-4)
    assert files_of(tmp_path) - {"emoji-scenes/renamed/vqa/other.json"} == files


def test_a_copy_of_a_method_folder_is_cleared_up_only_where_the_record_is_written(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record(key="good"), SCORES)
    folder = store.path_of(good).parents[1]
    shutil.copytree(folder, folder.with_name("copy"))
    files = files_of(tmp_path)
    assert store.get("good") == good
    assert files_of(tmp_path) == files
    store.write(a_record(key="good"), SCORES)
    assert files_of(tmp_path) == {path for path in files if "copy" not in path}


def test_the_same_folder_under_two_names_loses_nothing(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record(key="good"), SCORES)
    folder = store.path_of(good).parents[1]
    folder.with_name("alias").symlink_to(folder)
    for _ in range(2):
        written = store.write(a_record(key="good"), SCORES)
        assert store.get("good") == written
        assert store.scores(written)


def test_a_record_that_says_why_it_has_no_values_counts(tmp_path: Path) -> None:
    record = RecordStore(tmp_path).write(a_record(metrics={}, skipped={"fid": "no weights"}))
    assert RecordStore(tmp_path).get(record.key) == record


def failed() -> Record:
    return a_record(status="failed", reason="no memory", metrics={})


@pytest.mark.parametrize("status", ["ok", "skipped"])
def test_a_failed_record_never_takes_the_place_of_a_good_one(status: str, tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    first = store.write(failed())
    assert store.get(first.key) == first
    good = store.write(a_record(status=status, reason=None if status == "ok" else "no boxes"), SCORES, {"a.txt": "x"})
    files = files_of(tmp_path)
    assert store.write(failed()) == good
    assert store.get(good.key) == good
    assert files_of(tmp_path) == files
    store.path_of(good).with_suffix(".npz").unlink()
    assert store.write(failed()).status == "failed"
    assert store.get(good.key) is not None


def test_failed_and_good_records_that_are_written_at_once_leave_a_good_one(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "from helpers.made_records import a_record; from bench.records.store import RecordStore\n"
        "store, status = RecordStore(Path(sys.argv[1])), sys.argv[2]\n"
        "for turn in range(60):\n"
        "    reason = None if status == 'ok' else 'why'\n"
        "    store.write(a_record(key=f'k{turn}', status=status, reason=reason))\n"
    )
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), status], cwd=root)
        for status in ("ok", "failed", "failed")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    records = RecordStore(tmp_path).recorded(f"k{turn}" for turn in range(60))
    assert [record.status for record in records.values()] == ["ok"] * 60
    assert not list(tmp_path.rglob("*.tmp"))


HOSTILE = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from bench.errors import RecordError
from bench.records.store import RecordStore
store = RecordStore(Path(sys.argv[1]))
records = store.all().records
print(len(records), len(store.all().problems), store.get("lost"), len(store.recorded(["lost", "other"])))
for record in records:
    try:
        print(len(store.scores(record)))
    except RecordError as error:
        print(str(error).partition(": ")[2])
"""


def link_to(target: str) -> Change:
    return lambda path: (path.unlink(), path.symlink_to(target))


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def giant(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(8 * 2**30)


NO_FILES: dict[str, tuple[Change, str]] = {
    "link to /dev/zero": (link_to("/dev/zero"), "not a regular file"),
    "link to /dev/tty": (link_to("/dev/tty"), "not a regular file"),
    "FIFO": (fifo, "not a regular file"),
    "sparse giant": (giant, "larger than"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
    "link to itself": (lambda path: (path.unlink(), path.symlink_to(path)), "symbolic links"),
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_what_is_no_file_of_ours_is_refused_at_once(kind: str, suffix: str, tmp_path: Path) -> None:
    """In a process of its own, which must not be waited for."""
    store = RecordStore(tmp_path)
    store.write(a_record(key="other"), SCORES)
    lost = store.path_of(store.write(a_record(key="lost"), SCORES)).with_suffix(suffix)
    change, why = NO_FILES[kind]
    change(lost)
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stdout.splitlines()
    if suffix == ".json":
        assert lines == ["1 1 None 1", "1"]
    else:
        assert lines[0] == "2 0 None 1"
        assert why in lines[1]
        assert lines[2] == "1"
    again = store.write(a_record(key="lost"), SCORES)
    assert RecordStore(tmp_path).get("lost") == again
    assert lost.is_file()
    assert not lost.is_symlink()


def test_samples_do_not_follow_a_link_out_of_the_results(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    store = RecordStore(tmp_path / "results")
    samples = store.path_of(a_record()).with_suffix("")
    samples.parent.mkdir(parents=True)
    samples.symlink_to(tmp_path / "elsewhere")
    store.write(a_record(), samples={"a.txt": "x"})
    assert (samples / "a.txt").read_text() == "x"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_full_and_read_only_disks_are_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = RecordStore(disk)
        store.check_writable()
        good = store.write(a_record(key="good"), SCORES)
        filler = fill_up(disk, 0)
        with pytest.raises(RecordError) as caught:
            store.write(a_record(key="new"), SCORES)
        where = store.path_of(good).with_name("new.npz")
        assert str(caught.value) == f"record new: {where} cannot be written: No space left on device"
        filler.unlink()
        assert files_of(disk) == {"emoji-scenes/lgvq/vqa/good.json", "emoji-scenes/lgvq/vqa/good.npz"}
        make_read_only(disk)
        assert store.get("good") == good
        with pytest.raises(BenchError) as refused:
            store.write(a_record(key="new"), SCORES)
        assert "\n" not in str(refused.value)
        assert str(refused.value).endswith("Read-only file system")
        with pytest.raises(UsageError, match=r"results folder .* is not writable: .*Read-only file system$"):
            store.check_writable()
