"""Lists of captions as people have them: names of files and columns, paths, marks that separate."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from helpers.miniatures import put
from helpers.own_data import COUNT, PICTURES, beside, images, jsonl, lines, read, rows, things, told
from pyarrow import parquet

from bench.data.reading.check import check
from bench.errors import DataError

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
