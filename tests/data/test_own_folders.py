"""Folders as people have them: where captions stand, which splits names tell, what is named because it is not used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas
import pytest
from helpers.miniatures import put
from helpers.own_data import COUNT, PICTURES, beside, images, in_splits, jsonl, lines, picture, read, things, told

from bench.data.folder import Folder
from bench.data.reading.check import as_text, check


@pytest.mark.parametrize("ending", [".txt", ".TXT", ".caption", ".json", ".png.txt"])
def test_captions_beside_images(ending: str, tmp_path: Path) -> None:
    names = images(tmp_path, "10_dog/{}.png")
    for number, name in enumerate(names):
        text = json.dumps({"caption": f"thing {number}", "width": 3}) if ending == ".json" else f"thing {number}"
        put((tmp_path / name).with_suffix(ending), text)
    assert read(tmp_path) == things(names)


def test_equal_captions_count_once(tmp_path: Path) -> None:
    names = beside(tmp_path, "00000/{}.png")
    for number, name in enumerate(names):
        put((tmp_path / name).with_suffix(".json"), json.dumps({"caption": f"thing {number}", "status": "success"}))
    assert read(tmp_path) == things(names)


def test_a_text_of_several_lines_is_one_caption_or_several(tmp_path: Path) -> None:
    for name in images(tmp_path):
        put((tmp_path / name).with_suffix(".txt"), "One thing.\r\n\r\nIt is calm.\n")
    assert set(read(tmp_path).values()) == {("One thing. It is calm.",)}
    assert "several lines in 30 .txt files, read as one caption each; --set folder.txt=lines" in told(tmp_path)
    assert set(read(tmp_path, txt="lines").values()) == {("One thing.", "It is calm.")}
    text = as_text(check("folder", tmp_path, txt="lines"))
    assert "several lines in 30 .txt files, each read as a caption; --set folder.txt=caption" in text


@pytest.mark.parametrize("where", ["labels/{}.txt", "{}.txt"])
def test_boxes_are_no_captions(where: str, tmp_path: Path) -> None:
    images(tmp_path)
    for number in range(COUNT):
        put(tmp_path / where.format(number), "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 1e-1\n" if number else "")
    text = told(tmp_path)
    assert ("not used: 29 captions of numbers only: box labels?" in text) is (where == "{}.txt")
    assert len(read(tmp_path)) == COUNT


def test_one_text_makes_captions_needed(tmp_path: Path) -> None:
    beside(tmp_path, count=20)
    put(tmp_path / "x.png", PICTURES[0])
    text = told(tmp_path, sound=False)
    assert "x.png: no captions" in text
    assert "no captions for 1 image, but for others: write some, or move these away" in text


@pytest.mark.parametrize("mask", ["{}_mask.png", "masks/{}.png", "{}-seg.PNG"])
@pytest.mark.parametrize("captioned", [True, False])
def test_masks_are_no_photographs(mask: str, captioned: bool, tmp_path: Path) -> None:
    names = beside(tmp_path, "{}.jpg") if captioned else images(tmp_path, "{}.jpg")
    images(tmp_path, mask)
    assert "not used: 30 images, masks of others" in told(tmp_path)
    assert read(tmp_path).keys() == set(names)
    put((tmp_path / mask.format(3)).with_suffix(".txt"), "a child in a mask")
    assert (mask.format(3) in read(tmp_path)) is True


def test_leftovers_are_no_data(tmp_path: Path) -> None:
    names = beside(tmp_path)
    left = ("._0.png", "._0.txt", "__MACOSX/._0.png", ".ipynb_checkpoints/0-checkpoint.png", "Thumbs.db")
    for name in (*left, "@eaDir/0.png", "$RECYCLE.BIN/0.png", "lost+found/0.png"):
        put(tmp_path / name, b"\0\5\x16\7")
    assert read(tmp_path) == things(names)
    told(tmp_path)


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"captions/train/0.txt": "thing 0", "captions/test/1.caption": "thing 1"},
            "2 text files with the name of an image that lies in another folder, not beside it: "
            "captions/test/1.caption, captions/train/0.txt",
        ),
        (
            {"train.txt": "0.png\n1.png\n", "lists/Test_Images.lst": "2.png\n"},
            "lists/Test_Images.lst, train.txt: splits are told by folders, or by a column of that name in a list of "
            "captions",
        ),
        (
            {"karpathy.json": '{"images": []}'},
            "karpathy.json: a list of captions is called captions or metadata",
        ),
        ({"train.zip": "PK"}, "1 archive, to be unpacked: train.zip"),
    ],
)
def test_what_was_meant_as_something_is_told(files: dict[str, str], line: str, tmp_path: Path) -> None:
    images(tmp_path, "images/{}.png")
    for name, text in files.items():
        put(tmp_path / name, text)
    assert [said for said in told(tmp_path).splitlines() if said.startswith("not read")] == [f"not read: {line}"]


@pytest.mark.parametrize("name", ["README.txt", "LICENSE", "classes.txt", "requirements.txt", "images/notes.txt"])
def test_notes_of_a_set_are_passed_over(name: str, tmp_path: Path) -> None:
    images(tmp_path, "images/{}.png")
    put(tmp_path / name, "train on these 30 photographs\n")
    assert "not read" not in told(tmp_path)


def test_images_inside_parquet_are_told(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": PICTURES[number], "path": f"{number}.png"}, "text": "a"} for number in range(3)]
    put(tmp_path / "data/train-00000-of-00001.parquet", b"")
    pandas.DataFrame(rows).to_parquet(tmp_path / "data/train-00000-of-00001.parquet")
    text = told(tmp_path, sound=False)
    assert "1 Parquet file with images inside, to be written out as files with a metadata.csv: data/train-" in text


def test_parquet_that_is_none_is_passed_over(tmp_path: Path) -> None:
    images(tmp_path)
    put(tmp_path / "broken.parquet", "PAR1")
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "away.parquet").symlink_to("/etc/hostname")
    assert (
        "not read: away.parquet, broken.parquet, pipe.parquet: a list of captions is called captions or metadata"
        in told(tmp_path)
    )


def test_kinds_of_images(tmp_path: Path) -> None:
    beside(tmp_path, "{}.jpg", 20)
    for name, form in (("a.avif", "AVIF"), ("b.jfif", "JPEG"), ("c.WebP", "WEBP")):
        put(tmp_path / name, picture(3, form))
        put((tmp_path / name).with_suffix(".txt"), name)
    for name in ("0.dng", "logo.svg", "d.heic"):
        put(tmp_path / name, b"other")
    put(tmp_path / "d.txt", "a thing")
    text = told(tmp_path, sound=False)
    assert len(read(tmp_path)) == 23
    assert "left out: d.heic: is of a kind that is not read: convert it" in text
    assert "not used: 2 images, of a kind that is not read: 0.dng, logo.svg" in text


SPLITS = {
    ("Train", "Test"): "one training image in 20 is held out",
    ("training", "validation", "eval"): "splits are what the folders are named after",
    ("train", "valid", "test"): "splits are what the folders are named after",
    ("images/train", "images/test"): "one training image in 20 is held out",
    ("data/train2014/a", "data/val2014/a"): "the validation images are the test split",
    ("my_train_set", "my_test_set"): "one training image in 20 is held out",
    ("train", "test_images"): "one training image in 20 is held out",
    ("pictures", "test"): "one training image in 20 is held out",
}


@pytest.mark.parametrize("folders", SPLITS)
def test_folders_that_are_splits(folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder in folders:
        beside(tmp_path, f"{folder}/{{}}.png", 20)
    split = in_splits(tmp_path)
    assert split["test"] == {f"{folders[-1]}/{number}.png" for number in range(20)}
    assert {key.rpartition("/")[0] for key in split["train"]} == {folders[0]}
    assert split["validation"]
    assert SPLITS[folders] in told(tmp_path)


@pytest.mark.parametrize("classes", [("bullet_train", "test_tube", "cup", "dog", "fox"), ("train", "bus"), ("a", "b")])
def test_classes_are_no_splits(classes: tuple[str, ...], tmp_path: Path) -> None:
    for name in classes:
        images(tmp_path, f"{name}/{{}}.png", 12)
    assert "splits were drawn by hash of the names" in told(tmp_path)
    assert sum(map(len, in_splits(tmp_path).values())) == 12 * len(classes)
    for split in ("train", "test"):
        images(tmp_path, f"{split}/bullet_train/{{}}.png", 12)
    assert {key.partition("/")[0] for key in in_splits(tmp_path)["test"]} == {"test"}


def test_names_of_images_that_are_splits(tmp_path: Path) -> None:
    train, test = images(tmp_path, "photos/train_{}.png", 20), images(tmp_path, "photos/Test-{}.png", 8)
    found = in_splits(tmp_path)
    assert found["test"] == set(test)
    assert found["train"] | found["validation"] == set(train)
    assert "splits are what the images are named after" in told(tmp_path)


def test_some_names_that_hold_a_split_s_word_are_photographs(tmp_path: Path) -> None:
    images(tmp_path, "photo_{}.png", 20)
    images(tmp_path, "steam_train_{}.png", 5)
    images(tmp_path, "test_tube_{}.png", 5)
    assert "splits were drawn by hash" in told(tmp_path)


def test_images_outside_the_splits_are_named(tmp_path: Path) -> None:
    for folder in ("train", "test"):
        images(tmp_path, f"{folder}/{{}}.png", 12)
    images(tmp_path, "extra/{}.png", 2)
    assert "not used: 2 images, outside the folders that are splits: extra/0.png, extra/1.png" in told(tmp_path)


def test_rows_may_tell_splits(tmp_path: Path) -> None:
    names = images(tmp_path)
    told_rows = [row | {"split": "test" if n < 5 else "Train"} for n, row in enumerate(lines(names))]
    put(tmp_path / "captions.jsonl", jsonl(told_rows))
    assert in_splits(tmp_path)["test"] == set(names[:5])
    assert "splits are what the rows of lists are named after" in told(tmp_path)


@pytest.mark.parametrize("count", [3, 7, 20])
def test_small_sets_have_three_splits(count: int, tmp_path: Path) -> None:
    beside(tmp_path, count=count)
    assert all(in_splits(tmp_path).values())


def test_a_few_empty_captions_refuse_nothing(tmp_path: Path) -> None:
    """Wherever a hash would put them: they are held against training, which they are few of."""
    names = [f"{number}.png" for number in range(220)]
    for name in names:
        put(tmp_path / name, PICTURES[0])
    for start in range(0, 220, 55):
        empty = set(names[start : start + 6])
        values = [{"file": name, "caption": None if name in empty else "x"} for name in names]
        put(tmp_path / "captions.jsonl", jsonl(values))
        dataset = Folder(size=8, root=tmp_path, tolerate=0.04)
        lost = {split: len(dataset.read_listing(split).problems) for split in dataset.splits}
        assert lost == {"train": 6, "validation": 0, "test": 0}
    assert len(dataset.split("validation", tmp_path.parent / "cache"))


def test_links_to_single_images_are_refused_in_one_line_more(tmp_path: Path) -> None:
    beside(tmp_path / "elsewhere", count=5)
    (tmp_path / "root").mkdir()
    for number in range(5):
        (tmp_path / f"root/{number}.png").symlink_to(tmp_path / f"elsewhere/{number}.png")
    text = told(tmp_path / "root", sound=False)
    assert "refused: 5 images, links out of root (a link to the whole folder is followed): 0.png" in text
    (tmp_path / "other").mkdir()
    (tmp_path / "other/some").symlink_to(tmp_path / "elsewhere")
    assert read(tmp_path / "other") == things([f"some/{number}.png" for number in range(5)])
