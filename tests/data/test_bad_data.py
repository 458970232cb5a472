"""Bad input: a clear error or a counted skip, nothing lost, nothing written outside the cache."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.bomb import bomb
from helpers.disks import fill_up, small_disk
from helpers.miniatures import TEST, Scene, put, put_pickle

from bench.data.reading import decode
from bench.data.reading.base import FromFiles
from bench.data.reading.check import check
from bench.data.reading.problems import Kind, summary
from bench.errors import DataError, UsageError
from bench.experiment.arguments import Setting
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.registry import datasets
from bench.system.files import DiskError

IMAGE = "COCO_val2014_000000500003.jpg"


@pytest.fixture
def root(miniatures: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of COCO's miniature, or that of the test's parameter, to spoil."""
    name = getattr(request, "param", "coco")
    shutil.copytree(miniatures / name, tmp_path / name)
    return tmp_path / name


def made(root: Path, **arguments: Any) -> FromFiles:
    found: FromFiles = datasets.get(root.name).load()(size=32, root=root, **arguments)
    return found


def edit(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


SPOILED = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:300]), "is broken"),
    "zero bytes": (lambda path: path.write_bytes(b""), "is empty"),
    "no image": (lambda path: path.write_text("404 not found"), "is not an image"),
    "missing": (lambda path: path.unlink(), "no such file"),
    "bomb": (lambda path: path.write_bytes(bomb(9_000, 9_000)), "pixels, more than"),
    "other size": (lambda path: path.write_bytes(Scene(4).data()), "the annotations say"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_image_is_counted_and_named(what: str, root: Path, tmp_path: Path) -> None:
    spoil, reason = SPOILED[what]
    spoil(root / "val2014" / IMAGE)
    with pytest.raises(DataError, match=f"1 of 8 are missing or broken .*{IMAGE}: .*{reason}"):
        made(root).split("test", tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))
    split = made(root, tolerate=0.2).split("test", tmp_path / "cache")
    assert len(split) == len(split.captions) == TEST - 1
    assert split.masks is not None
    assert len(split.masks) == TEST - 1
    assert all(box.image < TEST - 1 for box in split.boxes)
    assert split.warnings == (f"test: 1 left out, {Kind.IMAGE}",)
    report = check("coco", root)
    assert [problem.file for problem in report.problems] == [f"val2014/{IMAGE}"]
    assert not report.sound


def test_what_stands_beside_an_image_stays_with_it(root: Path, tmp_path: Path) -> None:
    whole = made(root).split("test", tmp_path / "cache")
    for path in sorted((root / "val2014").iterdir())[2:4]:
        path.unlink()
    left = made(root, tolerate=0.5).split("test", tmp_path / "cache")
    captions = {image.tobytes(): text for image, text in zip(whole.images, whole.captions, strict=True)}
    assert len(left) == TEST - 2
    for image, text in zip(left.images, left.captions, strict=True):
        assert captions[image.tobytes()] == text


LINKS = "/etc/hostname", "../../secret.jpg", "../coco-secret/x.jpg", "C:\\secret.jpg", "a\0b.jpg", "", "..\\x.jpg"


@pytest.mark.parametrize("name", LINKS)
def test_names_that_point_outside_are_refused(name: str, root: Path, tmp_path: Path) -> None:
    edit(root / "annotations/captions_val2014.json", lambda told: told["images"][0].update(file_name=name))
    listing = made(root).listing(root, "test")
    assert len(listing.examples) == TEST - 1
    assert "refused" in listing.problems[0].what or "no file name" in listing.problems[0].what


def test_links_that_lead_outside_are_refused(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    shutil.copy(root / "val2014" / IMAGE, secret)
    (root / "val2014" / IMAGE).unlink()
    (root / "val2014" / IMAGE).symlink_to(secret)
    with pytest.raises(DataError, match=r"refused: .* is a link that leads outside"):
        made(root).split("test", tmp_path / "cache")


def test_the_users_own_link_to_a_folder_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "val2014").rename(tmp_path / "elsewhere")
    (root / "val2014").symlink_to(tmp_path / "elsewhere")
    assert len(made(root).split("test", tmp_path / "cache")) == TEST
    assert check("coco", root).sound


def test_the_users_own_link_to_a_folder_inside_the_data_set(tmp_path: Path) -> None:
    root = tmp_path / "folder"
    (root / "real").mkdir(parents=True)
    for number in range(40):
        put(root / "real" / f"{number}.jpg", Scene(number).data())
    put(tmp_path / "secret/9.jpg", Scene(9).data())
    (root / "linked").symlink_to(tmp_path / "secret")
    lines = [json.dumps({"file": f"real/{number}.jpg", "caption": "x"}) for number in range(40)]
    put(root / "captions.jsonl", "\n".join([*lines, json.dumps({"file": "linked/9.jpg", "caption": "x"})]))
    report = check("folder", root)
    assert report.sound
    assert sum(counts["images"] for counts in report.counts.values()) == 41


@pytest.mark.parametrize("root", ["celebahq"], indirect=True)
@pytest.mark.parametrize("name", ["/etc/passwd", "../2500", "2500\0"])
def test_pickled_names_that_point_outside_are_refused(name: str, root: Path) -> None:
    put_pickle(root / "test/filenames.pickle", ["2500", name])
    listing = made(root).listing(root, "test")
    assert [example.key for example in listing.examples] == ["2500"]
    assert len(listing.problems) == 1


class Runs:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("root", ["celebahq", "refcoco"], indirect=True)
def test_a_hostile_pickle_does_not_run(root: Path, tmp_path: Path) -> None:
    path = root / ("test/filenames.pickle" if root.name == "celebahq" else "refcoco/refs(unc).p")
    path.write_bytes(pickle.dumps([Runs(str(tmp_path / "made"))]))
    with pytest.raises(DataError, match="is refused"):
        made(root).split("test", tmp_path / "cache")
    assert any("is refused" in error for error in check(root.name, root).errors)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("not JSON", "is not JSON"),
        ('{"annotations": []}', "has no rows"),
        ('{"images": [1, 2]}', "something else than objects"),
        ('{"images": [{"file_name": "x"}]}', "'id' of a row is missing"),
        ('{"images": [{"id": "1", "file_name": "x"}]}', "'id' of a row is not int"),
        ('{"images": [{"id": 1, "file_name": "x", "width": 3}]}', "'height' of a row is missing"),
        ("[" * 100_000, "is not JSON|has no rows"),
        ('{"images": [{"id": 1e999}]}', "is not JSON|not int"),
    ],
)
def test_json_that_is_not_what_it_should_be(text: str, reason: str, root: Path, tmp_path: Path) -> None:
    (root / "annotations/captions_val2014.json").write_text(text)
    with pytest.raises(DataError, match=reason):
        made(root).split("test", tmp_path / "cache")
    report = check("coco", root)
    assert report.counts.keys() == {"train", "validation"}
    assert len(report.errors) == 1


def test_duplicate_ids(root: Path, tmp_path: Path) -> None:
    edit(root / "annotations/captions_val2014.json", lambda told: told["images"].append(told["images"][0]))
    with pytest.raises(DataError, match="lists image 500000 twice"):
        made(root).split("test", tmp_path / "cache")


def test_ids_without_images_and_images_without_captions(root: Path) -> None:
    def change(told: Any) -> None:
        told["annotations"][0]["image_id"] = 77
        told["annotations"][1]["caption"] = ""
        told["annotations"][2]["caption"] = None

    edit(root / "annotations/captions_val2014.json", change)
    listing = made(root).listing(root, "test")
    assert sorted(problem.what for problem in listing.problems) == [
        "an empty caption", "an empty caption", "captions of an image that is not listed", "no captions",
    ]  # fmt: skip
    assert summary(listing.problems) == [(Kind.STRAY, 1), (Kind.CAPTION, 2), (Kind.INCOMPLETE, 1)]


@pytest.mark.parametrize("box", [[0, 0, 0, 5], [500, 500, 9, 9], [-50, 0, 20, 20], [1, 2, 3], [[1]], "x", None])
def test_boxes_that_are_none(box: Any, root: Path, tmp_path: Path) -> None:
    edit(root / "annotations/instances_val2014.json", lambda told: told["annotations"][1].update(bbox=box))
    split = made(root, tolerate=0.5).split("test", tmp_path / "cache")
    assert len(split) == TEST
    assert any("box" in warning for warning in split.warnings)


@pytest.mark.parametrize(
    "outline", [[[1e30, 0, 0, 0, 5, 5]], [[1, 2]], {"counts": [1, 2]}, {"counts": "a"}, "x", [["a"]]]
)
def test_outlines_that_are_none(outline: Any, root: Path, tmp_path: Path) -> None:
    edit(root / "annotations/instances_val2014.json", lambda told: told["annotations"][1].update(segmentation=outline))
    split = made(root, tolerate=0.5).split("test", tmp_path / "cache")
    assert TEST - 1 <= len(split) <= TEST
    assert split.warnings


@pytest.mark.parametrize("root", ["cub200"], indirect=True)
def test_text_that_is_not_utf_8(root: Path, tmp_path: Path) -> None:
    path = next((root / "text_c10").rglob("Bird_5003.txt"))
    path.write_bytes("a bird caf\xe9".encode("latin1"))
    listing = made(root).listing(root, "test")
    assert len(listing.examples) == TEST - 1
    assert "is not UTF-8" in listing.problems[0].what


@pytest.mark.parametrize("root", ["cocoqa"], indirect=True)
def test_files_that_should_be_line_by_line(root: Path, tmp_path: Path) -> None:
    (root / "test/answers.txt").write_text("red\n")
    with pytest.raises(DataError, match="have 16, 1, 16, 16 lines"):
        made(root).split("test", tmp_path / "cache")


@pytest.mark.parametrize(("archive", "folder"), [("val2014.zip", "val2014"), ("annotations.tar.gz", "annotations")])
def test_archives_where_folders_are_expected(archive: str, folder: str, root: Path) -> None:
    shutil.rmtree(root / folder)
    (root / archive).write_bytes(b"PK")
    with pytest.raises(DataError, match=f"unpack.*{archive}|{archive} is packed: unpack it"):
        made(root).fingerprint()
    assert "unpack" in check("coco", root).errors[0]


def test_an_archive_instead_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "coco.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is a file; unpack it"):
        datasets.get("coco").load()(root=tmp_path / "coco.zip").fingerprint()
    with pytest.raises(DataError, match="does not exist"):
        datasets.get("coco").load()(root=tmp_path / "none").fingerprint()
    with pytest.raises(UsageError, match="--data-root DIR"):
        datasets.get("coco").load()().fingerprint()


def test_a_read_only_root(root: Path, tmp_path: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(made(root, cache=tmp_path / "cache").split("test", tmp_path / "cache")) == TEST
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)


def test_a_full_disk(root: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "cache") as cache:
        filler = fill_up(cache, 16_384)
        with pytest.raises(DiskError, match="test cannot be written: No space left on device"):
            made(root).split("test", cache)
        assert [path for path in cache.rglob("*") if path.is_file()] == [filler]
        filler.unlink()
        assert len(made(root).split("test", cache)) == TEST


@pytest.mark.parametrize("root", ["webdataset"], indirect=True)
@pytest.mark.parametrize("size", [100, 5_000, 20_000])
def test_a_shard_that_is_cut_off(size: int, root: Path, tmp_path: Path) -> None:
    path = root / "test-000000.tar"
    path.write_bytes(path.read_bytes()[:size])
    report = check("webdataset", root)
    named = [error for error in report.errors if "test-000000.tar" in error]
    left_out = [problem for problem in report.problems if "test-000000.tar" in problem.file]
    assert bool(named) or bool(left_out)


@pytest.mark.parametrize("root", ["webdataset"], indirect=True)
def test_links_and_devices_in_a_shard_are_no_files(root: Path, tmp_path: Path) -> None:
    with tarfile.open(root / "test-000001.tar", "w") as archive:
        for name, kind in (("a.jpg", tarfile.SYMTYPE), ("b.jpg", tarfile.CHRTYPE), ("../c.txt", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    listing = made(root).listing(root, "test")
    assert len(listing.examples) == TEST
    assert [problem.what for problem in listing.problems] == ["has 0 images"]


def test_a_process_that_dies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that crashes takes its process with it, and not the run."""
    examples = made(root).listing(root, "train").examples * 8
    monkeypatch.setattr(decode, "open_rgb", lambda data, size: os._exit(9))
    shape = decode.Shape(32, "crop")
    with pytest.raises(DataError, match="a process that decodes images died"):
        list(decode.decode_all(examples, shape, lambda *_: None, workers=1))


def test_workers_find_what_one_process_finds(root: Path) -> None:
    examples = made(root).listing(root, "train").examples
    shape = decode.Shape(32, "crop", "crop")
    alone, shared = (list(decode.decode_all(examples, shape, lambda *_: None, workers)) for workers in (0, 2))
    assert len(alone) == len(shared) == len(examples)
    for one, other in zip(alone, shared, strict=True):
        assert isinstance(one, decode.Decoded)
        assert isinstance(other, decode.Decoded)
        assert np.array_equal(one.pixels, other.pixels)
        assert one.strip is not None
        assert other.strip is not None
        assert np.array_equal(one.strip.pixels, other.strip.pixels)


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    root = tmp_path / "folder"
    root.mkdir()
    for number in range(40):
        put(root / f"{number}.jpg", Scene(number).data())
        put(root / f"{number}.txt", "a caption")
    name = os.fsencode(str(root)) + b"/caf\xe9.jpg"
    Path(os.fsdecode(name)).write_bytes(Scene(3).data())
    report = check("folder", root)
    assert [problem.file for problem in report.problems] == ["folder/caf\\udce9.jpg"]
    with tarfile.open(tmp_path / "train.tar", "w") as archive:
        info = tarfile.TarInfo(os.fsdecode(b"caf\xe9.jpg"))
        info.size = 4
        archive.addfile(info, io.BytesIO(b"abcd"))
    (tmp_path / "web").mkdir()
    (tmp_path / "train.tar").rename(tmp_path / "web/a.tar")
    assert [problem.what for problem in check("webdataset", tmp_path / "web").problems] == ["is not an image"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(root: Path) -> None:
    (root / "annotations").chmod(0)
    try:
        assert check("coco", root).errors
    finally:
        (root / "annotations").chmod(0o755)


def test_relative_roots_are_made_absolute(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    setting = Setting("coco", "root", "coco")
    cells = plan(Request(("vqgan",), ("reconstruction",), ("coco",), "smoke", settings=(setting,)))
    assert cells[0].dataset.arguments["root"] == root
