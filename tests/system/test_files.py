from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.system.files import DiskError, sha256_of, sweep, whole_folder, write_atomic


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    """FIPS 180-2, appendix B.1, and B.3: a million letters."""
    (tmp_path / "short").write_bytes(b"abc")
    (tmp_path / "long").write_bytes(b"a" * 10**6)
    assert sha256_of(tmp_path / "short") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "long") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_a_missing_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "missing")


def test_a_write_that_the_file_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, reason in (("file/new", "File exists"), ("folder", "Is a directory")):
        with pytest.raises(DiskError) as caught:
            write_atomic(tmp_path / path, b"x")
        assert str(caught.value) == f"{tmp_path / path} cannot be written: {reason}"
    with pytest.raises(DiskError) as caught, whole_folder(tmp_path / "file"):
        pass
    assert str(caught.value) == f"{tmp_path / 'file'} cannot be written: Not a directory"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_an_error_of_another_file_keeps_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "folder"):
        (tmp_path / "source").read_bytes()
    with pytest.raises(BrokenPipeError), whole_folder(tmp_path / "folder"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


SCRATCH = """
import sys, time
from pathlib import Path
from bench.system import files
def stop(*_):
    print("half", flush=True)
    time.sleep(60)
root = Path(sys.argv[1])
if sys.argv[2] == "folder":
    with files.whole_folder(root / "a" / "folder") as scratch:
        (scratch / "deep").mkdir()
        (scratch / "deep" / "file").write_text("x")
        stop()
elif sys.argv[2] == "claim":
    from bench.system.claims import claim
    with claim(root / "a" / "thing"):
        stop()
else:
    files.os.fsync = stop
    files.write_atomic(root / "a" / "b" / "file", b"x")
"""


@pytest.mark.parametrize("kind", ["file", "folder", "claim"])
def test_a_sweep_deletes_the_scratch_of_the_dead_and_never_that_of_the_living(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept.tmp").touch()
    process = subprocess.Popen([sys.executable, "-c", SCRATCH, str(tmp_path), kind], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    (scratch,) = tmp_path.rglob(".*.tmp")
    grow_old(scratch)
    assert sweep(tmp_path) == 0
    assert scratch.exists()
    process.kill()
    process.communicate()
    assert sweep(tmp_path) == 1
    assert not scratch.exists()
    assert sweep(tmp_path) == 0
    assert (tmp_path / "a" / "kept.tmp").exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def grow_old(path: Path) -> None:
    """As if it had been made a minute ago."""
    made = path.stat().st_mtime - 60
    os.utime(path, (made, made))


def test_a_sweep_leaves_what_is_young_what_is_no_scratch_and_what_it_cannot_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [".one.tmp", ".two.tmp", "three.tmp", ".four.json"]
    for name in names:
        (tmp_path / name).touch()
        if name != ".one.tmp":
            grow_old(tmp_path / name)
    (tmp_path / ".link.tmp").symlink_to(tmp_path / "three.tmp")

    def refuse(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", refuse)
        assert sweep(tmp_path) == 0
    assert sweep(tmp_path) == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".one.tmp", "three.tmp", ".four.json", ".link.tmp"}
    assert sweep(tmp_path / "nothing here") == 0
    assert not (tmp_path / "nothing here").exists()


def test_sweeps_beside_busy_writers_take_nothing_from_them(tmp_path: Path) -> None:
    """Even where all scratch counts as old."""
    write = (
        "import sys; from pathlib import Path; from bench.system import files\n"
        "root, name = Path(sys.argv[1]), sys.argv[2]\n"
        "for turn in range(300):\n"
        "    files.write_atomic(root / 'file', b'x')\n"
        "    with files.whole_folder(root / f'{name}-{turn}') as scratch: (scratch / 'file').touch()\n"
    )
    clean = (
        "import sys; from pathlib import Path; from bench.system import files\n"
        "files.YOUNG = 0\n"
        "while not Path(sys.argv[1], 'stop').exists(): files.sweep(Path(sys.argv[1]))\n"
    )
    sweeper = subprocess.Popen([sys.executable, "-c", clean, str(tmp_path)])
    writers = [subprocess.Popen([sys.executable, "-c", write, str(tmp_path), name]) for name in "ab"]
    ends = [writer.wait() for writer in writers]
    (tmp_path / "stop").touch()
    assert [*ends, sweeper.wait()] == [0, 0, 0]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 600
