"""Folders as people have them: where captions stand, which splits names tell, what is named because it is not used."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from helpers.miniatures import put
from PIL import Image
from pyarrow import parquet

from bench.data.folder import Folder
from bench.data.reading.check import as_text, check
from bench.errors import DataError

COUNT = 30


def picture(number: int, form: str = "PNG") -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 90, 200)).save(packed, form)
    return packed.getvalue()


PICTURES = [picture(number) for number in range(COUNT)]


def images(root: Path, form: str = "{}.png", count: int = COUNT) -> list[str]:
    """Pictures of these names, and the names."""
    names = [form.format(number) for number in range(count)]
    for name, data in zip(names, PICTURES, strict=False):
        put(root / name, data)
    return names


def beside(root: Path, form: str = "{}.png", count: int = COUNT, ending: str = ".txt") -> list[str]:
    names = images(root, form, count)
    for number, name in enumerate(names):
        put((root / name).with_suffix(ending), f"thing {number}")
    return names


def rows(names: list[str], head: str = "file,caption", **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **options).writerows([head.split(","), *([name, f"thing {n}"] for n, name in enumerate(names))])
    return text.getvalue()


def read(root: Path, **arguments: Any) -> dict[str, tuple[str, ...]]:
    """The captions of all images that can be used, by their keys."""
    dataset = Folder(size=16, root=root, **arguments)
    return {e.key: e.captions for split in dataset.splits for e in dataset.read_listing(split).examples}


def in_splits(root: Path) -> dict[str, set[str]]:
    dataset = Folder(size=16, root=root)
    return {split: {example.key for example in dataset.read_listing(split).examples} for split in dataset.splits}


def told(root: Path, sound: bool = True) -> str:
    """What `data check` prints."""
    report = check("folder", root)
    assert report.sound is sound, as_text(report)
    return as_text(report)


def things(names: list[str]) -> dict[str, tuple[str, ...]]:
    return {name: (f"thing {number}",) for number, name in enumerate(names)}


def lines(names: list[str], name: str = "file", text: str = "caption") -> list[dict[str, str]]:
    return [{name: file, text: f"thing {number}"} for number, file in enumerate(names)]


def jsonl(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


LISTS: dict[str, Callable[[list[str]], str]] = {
    "metadata.csv": lambda names: rows(names, "file_name,text"),
    "metadata.csv ": lambda names: "\ufeff" + rows(names, "file_name,text", lineterminator="\r\n"),
    "captions.csv": lambda names: rows(names, "File Name,Caption", delimiter=";"),
    "captions.csv ": lambda names: rows(names, "filepath,title", delimiter="\t"),
    "captions.tsv": lambda names: rows(names, "image,description", delimiter="\t"),
    "captions.csv  ": lambda names: "sep=;\n" + rows(names, delimiter=";"),
    "Captions.CSV": lambda names: "file, caption\n" + "".join(f"{n}, thing {i}\n" for i, n in enumerate(names)),
    "results.csv": lambda names: (
        "image_name| comment_number| comment\n" + "".join(f"{n}| 0| thing {i}\n" for i, n in enumerate(names))
    ),
    "captions.txt": lambda names: rows(names, "image,caption"),
    "captions_v2.csv": lambda names: ",img,prompt\n" + "".join(f"{i},{n},thing {i}\n" for i, n in enumerate(names)),
    "captions.csv   ": lambda names: "id,caption_1,text2\n" + "".join(f"{n},,thing {i}\n" for i, n in enumerate(names)),
    "metadata.jsonl": lambda names: jsonl(lines(names, "file_name", "prompt")),
    "captions.jsonl": lambda names: json.dumps(lines(names), indent=1),
    "captions.json": lambda names: json.dumps(lines(names, "image")),
    "captions.json ": lambda names: jsonl(lines(names, "image_path", "text")),
    "captions.json  ": lambda names: json.dumps({name: f"thing {number}" for number, name in enumerate(names)}),
    "metadata.json": lambda names: json.dumps({"version": 1, "data": lines(names, "img")}),
    "captions.json   ": lambda names: json.dumps(
        {
            "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
            "annotations": [{"image_id": number, "caption": f"thing {number}"} for number in range(COUNT)],
        }
    ),
    "captions.jsonl ": lambda names: jsonl(
        [{"img": name, "captions": [{"caption": f"thing {n}"}, {"raw": f"thing {n}"}]} for n, name in enumerate(names)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("where", ["{}.png", "Images/deep/{}.png"])
def test_lists_of_captions(name: str, where: str, tmp_path: Path) -> None:
    """Names are those below the list's folder, or bare where one image alone can be meant."""
    names = images(tmp_path, where)
    put(tmp_path / name.strip(), LISTS[name]([Path(file).name for file in names]))
    assert read(tmp_path) == things(names)


def test_lists_in_each_split_are_relative_to_it(tmp_path: Path) -> None:
    for split, count in (("train", 20), ("test", 10)):
        put(tmp_path / split / "metadata.csv", rows(images(tmp_path / split, count=count), "file_name,text"))
    put(tmp_path / "test/metadata.csv", rows(["0.png", "12.png"], "file_name,text"))
    found = read(tmp_path)
    assert found["train/12.png"] == ("thing 12",)
    assert found["test/0.png"] == ("thing 0",)
    text = told(tmp_path)
    assert "left out: 12.png: captions of an image that is not there" in text  # and not training's 12.png
    assert "not used: 9 images, named by no list: test/1.png, test/2.png, test/3.png and 6 more" in text


def test_a_list_named_after_a_split_means_its_images(tmp_path: Path) -> None:
    for split, count in (("train", 20), ("val", 10)):
        names = images(tmp_path / split, count=count)
        put(tmp_path / f"annotations/captions_{split}.csv", rows([*names, "19.png"]))
    found = read(tmp_path)
    assert found["train/3.png"] == found["val/3.png"] == ("thing 3",)
    assert found["train/19.png"] == ("thing 19", "thing 20")  # and not validation's "thing 10"


def test_parquet(tmp_path: Path) -> None:
    names = images(tmp_path)
    table = {"file_name": names, "text": [f"thing {number}" for number in range(COUNT)], "bytes": [b"x"] * COUNT}
    parquet.write_table(pa.table(table), tmp_path / "metadata.parquet")
    assert read(tmp_path) == things(names)
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    text = told(tmp_path, sound=False)
    assert text.count("metadata.parquet is not Parquet, or is damaged") == 1
    assert text.count("error: ") == 1


@pytest.mark.parametrize(
    "form", ["/data/set/{}", "C:\\data\\set\\{}", ".\\some\\{}", "../../{}", "https://example.org/{}"]
)
def test_paths_of_other_machines(form: str, tmp_path: Path) -> None:
    """They name an image by what they end in; nothing is opened by them."""
    names = images(tmp_path / "root", "some/{}.png")
    put(tmp_path / "data/set/0.png", b"not this one")
    put(tmp_path / "root/captions.csv", rows([form.format(Path(name).name) for name in names]))
    assert read(tmp_path / "root") == things(names)
    assert ("captions.csv: 30 paths of another place" in told(tmp_path / "root")) is not form.startswith(".\\")


def test_names_that_point_outside_lead_nowhere(tmp_path: Path) -> None:
    names = images(tmp_path / "root", "train/{}.png")
    put(tmp_path / "secret.png", PICTURES[0])
    outside = [
        str(tmp_path / "secret.png"),
        "../secret.png",
        "/etc/passwd",
        "..\\secret.png",
        "/data/test/3.png",
        "\0",
        "",
    ]
    put(tmp_path / "root/captions.jsonl", jsonl(lines([*names, *outside])))
    found = check("folder", tmp_path / "root")
    assert {key.partition("/")[0] for key in read(tmp_path / "root")} == {"train"}
    assert len(found.problems) == len(outside)
    assert all("refused" in problem.what or "is no file name" in problem.what for problem in found.problems)


def test_names_that_may_mean_several(tmp_path: Path) -> None:
    images(tmp_path, "a/{}.png")
    images(tmp_path, "b/{}.png", 5)
    put(tmp_path / "captions.csv", rows([f"{number}.png" for number in range(COUNT)]))
    text = told(tmp_path)
    assert "captions.csv, row 2: '0.png' may be a/0.png, b/0.png: names need their folder" in text
    assert len(read(tmp_path)) == COUNT - 5


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_of_macos(listed: Any, stored: Any, tmp_path: Path) -> None:
    names = images(tmp_path, unicodedata.normalize(stored, "caf\u00e9{}.png"))
    put(tmp_path / "captions.csv", rows([unicodedata.normalize(listed, name) for name in names]))
    assert read(tmp_path) == things(names)
    (tmp_path / "captions.csv").unlink()
    for number, name in enumerate(names):
        put(tmp_path / unicodedata.normalize(listed, name.replace(".png", ".TXT")), f"thing {number}")
    assert read(tmp_path) == things(names)


def test_several_lists_are_all_read(tmp_path: Path) -> None:
    names = images(tmp_path)
    put(tmp_path / "captions.csv", rows(names[:1]) + "0.png,another\n")
    put(tmp_path / "metadata.csv", rows(names, "file_name,text"))
    assert read(tmp_path) == things(names) | {"0.png": ("thing 0", "another")}


BAD_LISTS = {
    "captions.csv: more fields": (
        "file,caption\n0.png,a dog, a cat\n",
        "captions.csv, line 2: 3 fields where .* 2; .*quotation",
    ),
    "captions.csv: open quotation": (
        'file,caption\n0.png,"a dog\n1.png,a "cat"\n',
        "line 2: a quotation mark is opened",
    ),
    "captions.csv: columns": (
        "picture,alt\n0.png,a dog\n",
        "no column that names .* its columns are 'picture', 'alt'",
    ),
    "captions.csv: no header": (
        "0.png,a dog\n1.png,a cat\n",
        "its columns are '0.png', 'a_dog' .its first line must name them",
    ),
    "captions.csv: cp1252": ("file,caption\n0.png,caf\u00e9\n".encode("cp1252"), "not UTF-8 text .*: save it as UTF-8"),
    "captions.csv: nothing": ("", "its columns are none"),
    "captions.json: conversations": (
        '[{"image": "0.png", "conversations": []}]',
        "its columns are 'image', 'conversations'",
    ),
    "captions.jsonl: broken": ('{"file": "0.png", "caption": "x"}\n{"file": \n', "captions.jsonl, line 2 is not JSON"),
    "captions.csv: other names": (
        "file,caption\nother/x.png,a\n",
        "none of its 1 row can be used; 'other/x.png': .*not there",
    ),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_list_that_cannot_be_used_is_one_line(name: str, tmp_path: Path) -> None:
    data, reason = BAD_LISTS[name]
    images(tmp_path)
    put(tmp_path / name.partition(":")[0], data)
    with pytest.raises(DataError, match=reason):
        read(tmp_path)
    assert told(tmp_path, sound=False).count("error: ") == 1


def test_a_quoted_first_word(tmp_path: Path) -> None:
    names = images(tmp_path)
    text = "".join(f'{name},"Stop" sign 5" {number}\n' for number, name in enumerate(names))
    put(tmp_path / "captions.csv", "file,caption\n" + text)
    assert read(tmp_path)["7.png"] == ('Stop sign 5" 7',)


def test_metadata_without_captions_is_named(tmp_path: Path) -> None:
    put(tmp_path / "metadata.csv", rows(images(tmp_path), "file_name,label"))
    text = told(tmp_path)
    assert "not read: metadata.csv has no column that holds its caption, such as caption, captions or text; " in text
    assert "its columns are 'file_name', 'label'" in text
    assert "no captions: no captions.jsonl, .json, .csv or .parquet" in text


def test_metadata_of_the_whole_set_is_no_list(tmp_path: Path) -> None:
    names = beside(tmp_path)
    put(tmp_path / "dataset-metadata.json", json.dumps({"title": "Things", "id": "somebody/things", "licenses": []}))
    put(tmp_path / "metadata.json", json.dumps({"name": "things", "description": "Some things."}))
    assert read(tmp_path) == things(names)
    assert "not read: metadata.json: none of its 1 row can be used; 'things': captions of an image" in told(tmp_path)


def test_files_like_lists_are_named(tmp_path: Path) -> None:
    images(tmp_path)
    for name in ("train.csv", "labels/boxes.json", "README.txt", "LICENSE.txt"):
        put(tmp_path / name, "x")
    text = told(tmp_path)
    assert "not read: labels/boxes.json, train.csv: a list of captions is called captions or metadata" in text
    assert "passed by: labels/boxes.json, train.csv" in text
    assert not any(read(tmp_path).values())


def test_archives_are_named(tmp_path: Path) -> None:
    beside(tmp_path)
    put(tmp_path / "more.tar.gz", b"x")
    assert "not read: 1 archive, to be unpacked: more.tar.gz" in told(tmp_path)


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
    for name in ("._0.png", "._0.txt", "__MACOSX/._0.png", ".ipynb_checkpoints/0-checkpoint.png", "Thumbs.db"):
        put(tmp_path / name, b"\0\5\x16\7")
    assert read(tmp_path) == things(names)
    told(tmp_path)


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
