"""The user's own links below a data set's folder, and files that are none."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from helpers.miniatures import Scene, put

from bench.data.folder import Folder
from bench.data.imagenet import ImageNet
from bench.data.pixels.pictures import open_rgb
from bench.data.reading import walk as walking
from bench.data.reading.check import as_text, check
from bench.data.reading.walk import walk
from bench.data.webdataset import WebDataset
from bench.errors import DataError
from bench.system.files import ROOT


def photographs(folder: Path, numbers: range) -> Path:
    for number in numbers:
        put(folder / f"{number}.jpg", Scene(number).data())
        put(folder / f"{number}.txt", b"a picture")
    return folder


def images_of(root: Path, name: str = "folder") -> dict[str, int]:
    report = check(name, root)
    assert report.sound, (report.errors, report.problems)
    return {split: counts["images"] for split, counts in report.counts.items()}


def test_splits_may_be_links(tmp_path: Path) -> None:
    for name, numbers in (("train", range(40)), ("validation", range(40, 45)), ("test", range(50, 57))):
        photographs(tmp_path / "elsewhere" / name, numbers)
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert images_of(tmp_path / "root") == {"train": 40, "validation": 5, "test": 7}
    before = Folder(root=tmp_path / "root").fingerprint()
    put(tmp_path / "elsewhere/test/50.jpg", Scene(60).data())
    assert Folder(root=tmp_path / "root").fingerprint() != before


def test_a_folder_behind_a_link_counts_once(tmp_path: Path) -> None:
    photographs(tmp_path / "root/real", range(40))
    photographs(tmp_path / "elsewhere", range(40, 60))
    plain = sum(images_of(tmp_path / "root").values())
    for name, target in {"again": "real", "circle": ".", "real/deep": "..", "more": "../elsewhere"}.items():
        (tmp_path / "root" / name).symlink_to(target)
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "root")
    assert plain == 40
    assert sum(images_of(tmp_path / "root").values()) == 60
    keys = [
        example.key
        for split in Folder.splits
        for example in Folder(root=tmp_path / "root").read_listing(split).examples
    ]
    assert sorted(keys)[0] == "more/40.jpg"
    assert all(key.startswith(("more/", "real/")) for key in keys)


def test_a_link_that_is_not_followed_is_named(tmp_path: Path) -> None:
    photographs(tmp_path / "root/real", range(40))
    (tmp_path / "root/gone").symlink_to("/nowhere/at/all")
    (tmp_path / "root/around").symlink_to(tmp_path)
    problems = {problem.file: problem.what for problem in check("folder", tmp_path / "root").problems}
    assert problems == {
        "gone": "a link that leads nowhere",
        "around": "a link to a folder that holds the data set itself",
    }


def test_captions_behind_a_link_out_of_the_data_set_are_refused(tmp_path: Path) -> None:
    photographs(tmp_path / "root", range(40))
    put(tmp_path / "secret.txt", b"a password")
    (tmp_path / "root/3.txt").unlink()
    (tmp_path / "root/3.txt").symlink_to(tmp_path / "secret.txt")
    (problem,) = check("folder", tmp_path / "root").problems
    assert problem.file == "3.jpg"
    assert "leads outside" in problem.what


def test_links_without_end_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_LINKED", 500)
    for number in range(12):  # each folder leads to the next by two names: 2^12 ways to the last
        (tmp_path / str(number)).mkdir()
        for name in ("one", "two"):
            (tmp_path / str(number) / name).symlink_to(tmp_path / str(number + 1))
    (tmp_path / "12").mkdir()
    with pytest.raises(DataError, match="links lead to more than 500 folders"):
        list(walk(tmp_path / "0"))


def test_classes_may_be_links(tmp_path: Path) -> None:
    for split in ("train", "val"):
        photographs(tmp_path / f"all/{split}/cat", range(40))
        photographs(tmp_path / f"root/{split}/dog", range(40, 80))
        for text in (*tmp_path.rglob("*.txt"),):
            text.unlink()
        (tmp_path / f"root/{split}/cat").symlink_to(tmp_path / f"all/{split}/cat")
    counts = images_of(tmp_path / "root", "imagenet")
    assert counts["train"] + counts["validation"] == counts["test"] == 80
    before = ImageNet(root=tmp_path / "root").fingerprint()
    put(tmp_path / "all/val/cat/0.jpg", Scene(99).data())
    assert ImageNet(root=tmp_path / "root").fingerprint() != before
    (tmp_path / "root/train/fox").symlink_to("/nowhere/at/all")
    assert [problem.what for problem in check("imagenet", tmp_path / "root").problems] == ["a link that leads nowhere"]


def test_shards_may_be_links(tmp_path: Path) -> None:
    photographs(tmp_path / "loose", range(60))
    (tmp_path / "root").mkdir()
    for name in ("train-0", "test-0"):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as archive:
            for path in sorted((tmp_path / "loose").iterdir()):
                archive.add(path, path.name)
        (tmp_path / f"root/{name}.tar").symlink_to(tmp_path / f"{name}.tar")
    counts = images_of(tmp_path / "root", "webdataset")
    assert counts["train"] + counts["validation"] == counts["test"] == 60
    split = WebDataset(size=16, root=tmp_path / "root").split("test", tmp_path / "cache")
    assert len(split) == 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return photographs(tmp_path / "root", range(200))


@pytest.mark.parametrize("name", ["pipe", "200.jpg", "201.txt", "deep/pipe.png"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "sparse"])
def test_what_is_no_file_is_not_waited_for(root: Path, name: str, kind: str) -> None:
    (root / "deep").mkdir()
    if kind == "pipe":
        os.mkfifo(root / name)
    elif kind == "endless":
        (root / name).symlink_to("/dev/zero")
    else:
        with (root / name).open("wb") as file:
            file.truncate(2**29)
    Folder(root=root).fingerprint()
    problems = check("folder", root).problems
    assert [problem.file.removeprefix("root/") for problem in problems] == ([name] if name.endswith(("g",)) else [])


@pytest.mark.parametrize("name", ["captions.jsonl", "metadata.csv"])
def test_lists_that_are_no_files_are_one_line(root: Path, name: str) -> None:
    os.mkfifo(root / name)
    assert all("no regular file" in error for error in check("folder", root).errors)
    (root / name).unlink()
    (root / name).symlink_to("/dev/zero")
    assert check("folder", root).errors


def test_a_shard_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.tar")
    WebDataset(root=tmp_path).fingerprint()
    assert "no regular file" in check("webdataset", tmp_path).errors[0]


MEMORY = """
import io, resource, sys
import numpy as np
from PIL import Image
from bench.data.pixels.pictures import open_rgb
packed = io.BytesIO()
Image.new(sys.argv[1], (5000, 5000)).save(packed, "PNG", compress_level=1)
data = packed.getvalue()
resource.setrlimit(resource.RLIMIT_DATA, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 2**28,) * 2)
print(open_rgb(data).size)
"""


@pytest.mark.parametrize("mode", ["I;16", "RGBA"])
def test_a_large_picture_takes_little_more_than_its_pixels(mode: str) -> None:
    """25 million pixels within a quarter of a gigabyte; they took 0.6 and 0.4."""
    command = [sys.executable, "-c", MEMORY, mode]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert found.stdout.strip() == "(5000, 5000)", found.stderr[-500:]


def test_every_sixteen_bit_value_is_rounded_to_the_nearest() -> None:
    import io

    from PIL import Image

    packed = io.BytesIO()
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(packed, "PNG")
    assert np.array_equal(np.asarray(open_rgb(packed.getvalue()))[..., 0], np.round(values / 257).astype(np.uint8))


def test_names_of_files_are_shown_as_they_are(tmp_path: Path) -> None:
    photographs(tmp_path, range(3))
    put(tmp_path / "\x1b[31mred\nall of it can be read.jpg", b"no image")
    text = as_text(check("folder", tmp_path))
    assert not [mark for mark in text if mark != "\n" and not mark.isprintable()]
    assert "all of it can be read" not in text.splitlines()
