from __future__ import annotations

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import BenchError, DataError
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


def test_what_cannot_be_read_even_when_it_is_fresh_is_an_error_and_no_loop(tmp_path: Path) -> None:
    counter = Counter()

    def refuse(path: Path) -> int:
        return int("seven")

    for _ in range(2):
        for call in (
            lambda: kept(tmp_path / "number", counter.make, pack, refuse),
            lambda: kept_folder(tmp_path / "folder", counter.fill, refuse),
        ):
            with pytest.raises(DataError, match=r"cannot be read, though it was made this moment: invalid .*'seven'$"):
                call()
    assert counter.times == 4


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        RuntimeError("CUDA out of memory"),
        MemoryError(),
        DataError(),
    ],
)
def test_what_the_machine_fails_to_read_is_kept(tmp_path: Path, error: Exception) -> None:
    counter = Counter()
    kept_folder(tmp_path / "folder", counter.fill, read_folder)

    def fails(folder: Path) -> int:
        raise error

    with pytest.raises(type(error)) as caught:
        kept_folder(tmp_path / "folder", counter.fill, fails)
    assert isinstance(caught.value, BenchError) is isinstance(error, OSError | BenchError)
    assert kept_folder(tmp_path / "folder", counter.fill, read_folder) == 7
    assert counter.times == 1


def test_the_seal_is_one_that_anybody_can_check(tmp_path: Path) -> None:
    kept_folder(tmp_path / "folder", Counter().fill, read_folder)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "folder", capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "number: OK\n")


AT_ONCE = """
import sys, time
from pathlib import Path
from bench.system.kept import kept_folder
root = Path(sys.argv[1])

def fill(folder):
    with (root / "log").open("a") as log:
        log.write("made\\n")
    (folder / "half").write_text("x")
    print("filling", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "number").write_text("7")

print(kept_folder(root / "folder", fill, lambda folder: (folder / "number").read_text()))
"""


def start(root: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", AT_ONCE, str(root), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_that_want_it_at_once_make_it_once(tmp_path: Path) -> None:
    told = [process.communicate() for process in [start(tmp_path, 0.5) for _ in range(4)]]
    assert sorted(out for out, _ in told) == ["7\n", "7\n", "7\n", "filling\n7\n"]
    assert (tmp_path / "log").read_text() == "made\n"
    (tmp_path / "folder" / "number").write_text("8")
    told = [process.communicate() for process in [start(tmp_path, 0.5) for _ in range(4)]]
    assert sorted(out for out, _ in told) == ["7\n", "7\n", "7\n", "filling\n7\n"]
    assert (tmp_path / "log").read_text() == "made\nmade\n"
    assert {err for _, err in told} <= {
        "",
        f"{tmp_path}/folder is damaged (number is not what was written); made anew\n",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "log"]


def test_one_that_waits_makes_it_where_the_first_is_killed(tmp_path: Path) -> None:
    first = start(tmp_path, 60)
    assert first.stdout is not None
    assert first.stdout.readline() == "filling\n"
    second = start(tmp_path, 0)
    time.sleep(0.3)
    assert second.poll() is None
    first.kill()
    assert second.communicate() == ("filling\n7\n", "")
    first.communicate()


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
