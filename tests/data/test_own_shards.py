"""Shards as people have them: which files belong together, which splits names tell, what is damaged or not used."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers.miniatures import put
from helpers.own_data import PICTURES, in_splits, picture, read, told

from bench.data.webdataset import WebDataset
from bench.errors import DataError

COUNT = 20
NAME = "webdataset"


def shard(path: Path, files: Iterable[tuple[str, bytes | str]]) -> Path:
    """A tar archive of these files, in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            content = data if isinstance(data, bytes) else data.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def samples(form: str = "{:03d}", start: int = 0, count: int = COUNT) -> list[tuple[str, bytes | str]]:
    """A picture and a text for each key."""
    keys = [(number, form.format(number)) for number in range(start, start + count)]
    return [file for n, key in keys for file in ((f"{key}.jpg", PICTURES[n]), (f"{key}.txt", f"thing {n}"))]


def things(form: str = "{:03d}", start: int = 0, count: int = COUNT, name: str = "0.tar") -> dict[str, tuple[str, ...]]:
    return {f"{name}/{form.format(number)}": (f"thing {number}",) for number in range(start, start + count)}


@pytest.mark.parametrize("form", ["{:03d}", "photo.v1.{:03d}", "some.set/part/{:03d}", "./{:03d}"])
def test_keys(form: str, tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", samples(form))
    assert read(tmp_path, NAME) == things(form.removeprefix("./"))
    told(tmp_path, NAME)


@pytest.mark.parametrize("endings", [("JPG", "TXT"), ("avif", "caption"), ("jfif", "caption.txt"), ("webp", "text")])
def test_endings(endings: tuple[str, str], tmp_path: Path) -> None:
    form = {"avif": "AVIF", "webp": "WEBP"}.get(endings[0], "JPEG")
    image = picture(3, form)
    pairs = [((f"{n:03d}.{endings[0]}", image), (f"{n:03d}.{endings[1]}", f"thing {n}")) for n in range(COUNT)]
    shard(tmp_path / "0.tar", [file for pair in pairs for file in pair])
    assert read(tmp_path, NAME) == things()
    told(tmp_path, NAME)


def test_files_of_one_key_need_not_stand_together(tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", sorted(samples(), key=lambda file: file[0][-3:]))
    assert read(tmp_path, NAME) == things()


def test_leftovers_and_other_files_are_passed_over(tmp_path: Path) -> None:
    files = [file for n, pair in enumerate(samples()) for file in ((f"._{pair[0]}", b"\0\5\x16\7"), pair)]
    files += [("__MACOSX/000.jpg", b"x"), ("README.md", "x"), ("000.cls", "3"), ("000.json", '{"width": 8}'), ("x", "")]
    shard(tmp_path / "0.tar", files)
    shard(tmp_path / "._0.tar", [])
    assert read(tmp_path, NAME) == things()
    assert told(tmp_path, NAME).count("\n") == 6


def test_equal_captions_count_once(tmp_path: Path) -> None:
    told_twice = [(f"{n:03d}.json", json.dumps({"caption": f"thing {n}", "key": "x"})) for n in range(COUNT)]
    shard(tmp_path / "0.tar", samples() + told_twice)
    put(tmp_path / "0_stats.json", "{}")
    assert read(tmp_path, NAME) == things()


def test_shards_without_captions(tmp_path: Path) -> None:
    files = [(name, data) for name, data in samples() if name.endswith("jpg")]
    shard(tmp_path / "0.tar", [*files, ("000.json", '{"label": 3}')])
    assert set(read(tmp_path, NAME).values()) == {()}
    text = told(tmp_path, NAME)
    assert "no captions: no .txt, .caption or .json with a caption beside an image in the shards of" in text
    assert "no captions in 1 JSON file: 0.tar: 000" in text


def test_a_text_of_several_lines_is_one_caption_or_several(tmp_path: Path) -> None:
    files = [(name, data if name.endswith("jpg") else "One thing.\n\nIt is calm.\n") for name, data in samples()]
    shard(tmp_path / "0.tar", files)
    assert set(read(tmp_path, NAME).values()) == {("One thing. It is calm.",)}
    said = "several lines in 20 .txt files, read as one caption each; --set webdataset.txt=lines"
    assert said in told(tmp_path, NAME)
    assert set(read(tmp_path, NAME, txt="lines").values()) == {("One thing.", "It is calm.")}


def test_an_image_beside_the_photograph(tmp_path: Path) -> None:
    """KEY.seg.png is no photograph where there is KEY.jpg; of KEY.jpg and KEY.png the JPEG is."""
    seg = [(f"{number:03d}.seg.png", PICTURES[number + COUNT]) for number in range(COUNT)]
    shard(tmp_path / "a/0.tar", seg + samples())
    assert read(tmp_path / "a", NAME) == things()
    said = "not used: 20 images, beside another of their key, as KEY.seg.png is beside KEY.jpg: 0.tar: 000.seg"
    assert said in told(tmp_path / "a", NAME)
    shard(tmp_path / "b/0.tar", [(name.replace(".seg", ""), data) for name, data in seg] + samples())
    examples = WebDataset(root=tmp_path / "b").read_listing("train").examples
    assert {example.image.read() for example in examples} <= set(PICTURES[:COUNT])
    text = told(tmp_path / "b", NAME)
    assert "more than one kind of image: 20 images: 0.tar: 000 (.png and .jpg, .jpg is taken)" in text


def test_texts_of_other_endings_are_named(tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", [(name.replace(".txt", ".en.txt"), data) for name, data in samples()])
    text = told(tmp_path, NAME)
    assert "no captions: no .txt" in text
    assert "not used: 20 texts, of another ending than KEY.txt: 0.tar: 000.en" in text


def test_a_key_that_comes_again_is_an_image_of_its_own(tmp_path: Path) -> None:
    again = [(name.replace("020", "000"), data) for name, data in samples(start=COUNT, count=1)]
    shard(tmp_path / "0.tar", samples() + again)
    assert read(tmp_path, NAME) == things() | {"0.tar/000 (2)": ("thing 20",)}
    splits = {key: split for split, keys in in_splits(tmp_path, NAME).items() for key in keys}
    assert splits["0.tar/000"] == splits["0.tar/000 (2)"]  # it may be the same photograph
    said = "keys that came before in their shard: 1 image, each used on its own: 0.tar/000 (2)"
    assert said in told(tmp_path, NAME)


SPLITS = {
    ("cc3m-train-0000.tar", "cc3m-validation-0000.tar"): "the validation images are the test split",
    ("train-000000.tar", "val-000000.tar"): "the validation images are the test split",
    ("train/00000.tar", "test/00000.tar"): "one training image in 20 is held out",
    ("x_Train_0.tar", "x_dev_0.tar", "x_Eval_0.TAR"): "splits are what the shards are named after",
    ("train-0.tar", "set-test-0.tar"): "one training image in 20 is held out",
    ("0.tar", "1.tar", "test-0.tar"): "one training image in 20 is held out",
}


@pytest.mark.parametrize("names", SPLITS)
def test_shards_that_are_splits(names: tuple[str, ...], tmp_path: Path) -> None:
    for number, name in enumerate(names):
        shard(tmp_path / name, samples(start=number * COUNT))
    split = in_splits(tmp_path, NAME)
    assert split["test"] == {
        f"{names[-1]}/{number:03d}" for number in range((len(names) - 1) * COUNT, len(names) * COUNT)
    }
    assert split["train"]
    assert split["validation"]
    assert SPLITS[names] in told(tmp_path, NAME)


def test_shards_of_no_split_are_named(tmp_path: Path) -> None:
    for name in ("train-0.tar", "test-0.tar", "0.tar"):
        shard(tmp_path / name, samples())
    assert "not used: 20 images, in shards that are named after no split: 0.tar/000" in told(tmp_path, NAME)


@pytest.mark.parametrize("name", ["0.tgz", "0.tar.gz", "0.tar.zst"])
def test_packed_shards_are_named(name: str, tmp_path: Path) -> None:
    put(tmp_path / name, gzip.compress(b"x"))
    with pytest.raises(DataError, match=f"holds no .tar shards; uncompress {name}"):
        WebDataset(root=tmp_path).fingerprint()
    shard(tmp_path / "1.tar", samples())
    assert f"not read: {name}: uncompress it" in told(tmp_path, NAME)


def test_a_packed_shard_of_another_name(tmp_path: Path) -> None:
    put(tmp_path / "0.tar", gzip.compress(shard(tmp_path / "x", samples()).read_bytes()))
    assert "error: 0.tar is compressed by gzip: uncompress it" in told(tmp_path, NAME, sound=False).splitlines()
    shard(tmp_path / "1.tar", samples())
    text = told(tmp_path, NAME, sound=False)
    assert "left out: 0.tar: is compressed by gzip: uncompress it (about 20 images)" in text
    assert read(tmp_path, NAME) == things(name="1.tar")


def test_a_cut_shard_is_used_up_to_the_cut_and_held_against_the_rest(tmp_path: Path) -> None:
    for number in range(3):
        path = shard(tmp_path / f"{number}.tar", samples())
    whole = path.read_bytes()
    for cut, left in ((512 * 40 + 100, 9), (512 * 40 + 540, 9), (512 * 4 + 540, 0)):
        path.write_bytes(whole[:cut])
        found = read(tmp_path, NAME)
        assert {key for key in found if key.startswith("2.tar")} == set(things(count=left, name="2.tar"))
        text = told(tmp_path, NAME, sound=False)
        (line,) = (line for line in text.splitlines() if line.startswith("left out: 2.tar: is "))
        assert "cut off" in line
        assert line.endswith(f"get it again (about {20 - left} images)")
    path.write_bytes(whole[: 512 * 40])
    assert "no end mark, so perhaps cut off: 1 shard: 2.tar" in told(tmp_path, NAME)
    path.write_bytes(whole[: 512 * 4 + 540])
    dataset = WebDataset(size=8, root=tmp_path)
    with pytest.raises(DataError, match=r"20 of \d+ are missing or broken \(2.tar: is cut off"):
        dataset.split("train", tmp_path.parent / "cache")
    dataset = WebDataset(size=8, root=tmp_path, tolerate=0.5)
    assert len(dataset.split("train", tmp_path.parent / "cache"))


def test_damage_within_a_shard_is_no_end(tmp_path: Path) -> None:
    path = shard(tmp_path / "0.tar", samples())
    data = bytearray(path.read_bytes())
    data[512 * 40 : 512 * 41] = b"?" * 512  # the header of a picture
    path.write_bytes(data)
    said = "left out: 0.tar: is damaged or cut off at byte 20,480; get it again"
    assert said in told(tmp_path, NAME, sound=False)


def test_links_and_folders(tmp_path: Path) -> None:
    shard(tmp_path / "elsewhere/deep/0.tar", samples())
    shard(tmp_path / "other.tar", samples(start=COUNT))
    (tmp_path / "root").mkdir()
    (tmp_path / "root/1.tar").symlink_to(tmp_path / "other.tar")
    (tmp_path / "root/2.tar").symlink_to(tmp_path / "other.tar")
    (tmp_path / "root/linked").symlink_to(tmp_path / "elsewhere")
    assert read(tmp_path / "root", NAME) == things(start=COUNT, name="1.tar") | things(name="linked/deep/0.tar")
    told(tmp_path / "root", NAME)
    (tmp_path / "root/3.tar").symlink_to(tmp_path / "nowhere")
    assert "left out: 3.tar: " in told(tmp_path / "root", NAME, sound=False)


def test_what_a_sample_lacks(tmp_path: Path) -> None:
    files = [*samples(), ("a.jpg", PICTURES[0]), ("b.txt", "no image"), ("c.heic", b"x"), ("c.txt", "x")]
    files += [("d.jpg", PICTURES[1]), ("d.json", "{"), ("e.jpg", PICTURES[1]), ("e.txt", b"caf\xe9")]
    shard(tmp_path / "0.tar", files)
    text = told(tmp_path, NAME, sound=False)
    assert "left out: 0.tar/a: no captions" in text
    assert "left out: 0.tar: b: has 0 images" in text
    assert "left out: 0.tar: c: of a kind that is not read (.heic)" in text
    assert "left out: 0.tar/d: no captions (0.tar: d: d.json is not JSON" in text
    assert "left out: 0.tar/e: no captions (0.tar: e: a text that is not UTF-8)" in text
    assert read(tmp_path, NAME) == things()
