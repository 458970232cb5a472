"""Full, read-only and other people's disks: one line with path and reason, no scratch, and room brings it all back."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.disks import fill_up, make_read_only, small_disk
from safetensors.torch import save_file

from bench.errors import BenchError
from bench.system.arrays import new_array
from bench.system.files import DiskError, write_atomic
from bench.system.kept import kept, kept_folder

MAPPED = """
import sys
from pathlib import Path
import numpy as np
import torch
from bench.contracts.data import Split
from bench.contracts.method import Tokenizer
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import BenchError
from bench.experiment.encode import encode_split
from bench.text.caption_features import CaptionFeatures

class First(Tokenizer):
    grid, codebook, discrete = (16, 16), torch.zeros(256, 1), True
    def encode(self, images):
        return (images[:, 0] * 127.5 + 127.5).round().long()
    def decode(self, indices): ...
    def losses(self, batch, step): ...

class Wide:
    width = 2048
    def tokenize(self, captions):
        return torch.ones(len(captions), 4, dtype=torch.int64)
    def encode(self, ids):
        return torch.zeros(*ids.shape, self.width), torch.zeros(len(ids), self.width)

root = Path(sys.argv[1])
images = np.zeros((1024, 16, 16, 3), np.uint8)
scenes = EmojiScenes(size=32, limits={"train": 1024})
for make in (
    lambda: scenes.split("train", root),
    lambda: encode_split(First(), Split("test", images), root / "codes", torch.device("cpu"), lambda *_: None),
    lambda: CaptionFeatures.prepare(Split("train", images, [["a"]] * 1024), Wide(), root / "text"),
):
    try:
        make()
    except BenchError as error:
        print(error)
"""


def test_what_is_memory_mapped_ends_in_one_line(tmp_path: Path) -> None:
    """In a process of its own: without room reserved it would end by SIGBUS."""
    with small_disk(tmp_path / "disk") as disk:
        done = subprocess.run([sys.executable, "-c", MAPPED, str(disk)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.rpartition("/")[2] for line in lines] == [
            "train cannot be written: No space left on device",
            "test cannot be written: No space left on device",
            "text cannot be written: No space left on device",
        ]
        assert all(line.startswith(str(disk)) for line in lines)
        assert not [path for path in disk.rglob("*") if path.is_file()]


def test_space_is_reserved_where_the_file_system_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is on some network file systems; zeros are written instead."""

    def refuse(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    array = new_array(tmp_path / "small.npy", np.int32, (300, 1000))
    assert (tmp_path / "small.npy").stat().st_blocks * 512 >= array.nbytes
    array[:] = 7
    array.flush()
    assert (np.load(tmp_path / "small.npy") == 7).all()
    with small_disk(tmp_path / "disk") as disk, pytest.raises(OSError, match="No space left"):
        new_array(disk / "large.npy", np.int32, (300, 1000))


def safetensors(folder: Path) -> None:
    save_file({"weight": torch.zeros(10**6)}, folder / "tokenizer.safetensors")


def numpy(folder: Path) -> None:
    np.save(folder / "array.npy", np.zeros(10**6))


def text(folder: Path) -> None:
    (folder / "notes.json").write_text("x" * 10**7)


@pytest.mark.parametrize("fill", [safetensors, numpy, text])
def test_what_is_not_mapped_ends_in_one_line_too(tmp_path: Path, fill: Callable[[Path], None]) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(DiskError) as caught:
            kept_folder(disk / "folder", fill, lambda folder: None)
        assert str(caught.value).startswith(f"{disk}/folder cannot be written: ")
        assert "\n" not in str(caught.value)
        with pytest.raises(DiskError, match="file cannot be written: No space left on device"):
            write_atomic(disk / "file", bytes(10**7))
        assert list(disk.iterdir()) == []


def test_a_disk_without_a_single_free_block(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill_up(disk, 0)
        with pytest.raises(BenchError) as caught:
            kept(disk / "number", lambda: 7, lambda number: b"7" * 10, lambda path: 7)
        assert str(caught.value) == f"{disk}/number cannot be written: No space left on device"


def test_a_read_only_cache_is_read_and_refuses_in_one_line(tmp_path: Path) -> None:
    def number(name: str) -> int:
        return kept(disk / name, lambda: 7, lambda number: b"7", lambda path: int(path.read_text()))

    with small_disk(tmp_path / "disk") as disk:
        assert number("whole") == number("damaged") == 7
        (disk / "damaged" / "value").write_text("8")
        make_read_only(disk)
        assert number("whole") == 7
        refused = "{0} cannot be claimed: {1}/.{2}.claim.tmp: Read-only file system"
        damaged = "{0} is damaged (value is not what was written) and cannot be made anew: "
        for name, text in (("missing", refused), ("damaged", damaged + refused)):
            with pytest.raises(BenchError) as caught:
                number(name)
            assert str(caught.value) == text.format(disk / name, disk, name)


def _as_nobody(root: Path, told: Path) -> None:
    os.setgid(65534)
    os.setuid(65534)
    lines = []
    for name in ("damaged", "new"):
        try:
            kept(root / name, lambda: 7, lambda number: b"7", lambda path: int(path.read_text()))
        except BenchError as error:
            lines.append(str(error))
    told.write_text("\n".join(lines))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_what_belongs_to_another_user_is_named() -> None:
    with tempfile.TemporaryDirectory() as place:
        root, mine, told = Path(place, "cache"), Path(place, "cache", "damaged"), Path(place, "told")
        mine.mkdir(parents=True)
        (mine / "value").write_text("8")
        told.touch()
        for path, mode in ((Path(place), 0o755), (root, 0o1777), (told, 0o666)):
            path.chmod(mode)
        child = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(root, told))
        child.start()
        child.join()
        assert told.read_text() == f"{mine} cannot be removed: Operation not permitted"
        assert {path.name for path in root.iterdir()} == {"damaged", "new"}
