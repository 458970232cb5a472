"""Flickr8k: official splits, five captions, phrases with boxes; the re-upload; what is missing is said."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION, Scene, put

from bench.data.flickr8k import Flickr8k
from bench.data.reading.check import as_text, check
from bench.errors import DataError


def scene_of(name: str) -> Scene:
    return Scene(int(name.partition("_")[2].removesuffix(".jpg"), 16))


def names_of(root: Path, split: str) -> list[str]:
    return [example.key for example in Flickr8k(root=root).read_listing(split).examples]


@pytest.fixture
def root(miniatures: Path, tmp_path: Path) -> Path:
    shutil.copytree(miniatures / "flickr8k", tmp_path / "flickr8k")
    return tmp_path / "flickr8k"


def test_splits_are_the_official_ones_and_captions_stand_beside_their_images(miniatures: Path) -> None:
    dataset = Flickr8k(root=miniatures / "flickr8k")
    for split, count in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        examples = dataset.read_listing(split).examples
        assert len(examples) == count
        for example in examples:
            wanted = [f"{' '.join(text.split())} ." for text in scene_of(example.key).captions]
            assert list(example.captions) == wanted


def test_boxes_are_measured_in_the_photograph_and_drawn_in_its_copy(miniatures: Path, tmp_path: Path) -> None:
    """The annotations are of photographs five times as large; the box of halves is the box of the whole."""
    dataset = Flickr8k(size=32, root=miniatures / "flickr8k")
    split = dataset.split("test", tmp_path)
    keys = [example.key for example in dataset.choose(dataset.read_listing("test"), "test")]
    assert len(split.boxes) == 3 * TEST
    for box in split.boxes:
        scene = scene_of(keys[box.image])
        left, top, wide, tall = np.array(scene.box) / np.tile([scene.width, scene.height], 2)
        assert np.allclose(box.box, (left + wide / 2, top + tall / 2, wide, tall))
        assert box.text in (f"a {scene.color} {scene.shape}", f"the {scene.shape}", "Two halves")


def test_an_image_that_stands_where_its_boxes_lie_down_loses_them(root: Path, tmp_path: Path) -> None:
    dataset = Flickr8k(size=32, root=root)
    example = next(e for e in dataset.read_listing("test").examples if e.scale and e.scale[0] > e.scale[1])
    turned = scene_of(example.key).image().rotate(90, expand=True)
    turned.save(root / "Flicker8k_Dataset" / example.key)
    split = dataset.split("test", tmp_path)
    assert (len(split), len(split.boxes)) == (TEST, 3 * (TEST - 1))


def test_what_is_in_no_list_is_named(root: Path) -> None:
    told = as_text(check("flickr8k", root))
    assert "not read: 1 images with captions that are in no split's list: 77_0123456789.jpg.1" in told
    assert "train: 40 images" in told  # fewer than published
    assert "to do:" not in told


def test_without_entities_there_are_no_boxes(root: Path, tmp_path: Path) -> None:
    shutil.move(root / "Flickr30kEntities", tmp_path / "elsewhere")
    put(root / "Flickr30kEntities.tar.xz", b"packed")
    told = as_text(check("flickr8k", root))
    assert "no boxes: flickr8k has boxes with Flickr30k Entities:" in told
    assert "Flickr30kEntities.tar.xz is packed: unpack it" in told
    assert not Flickr8k(size=32, root=root).split("test", tmp_path / "a").boxes
    assert Flickr8k(size=32, root=root, entities=tmp_path / "elsewhere").split("test", tmp_path / "b").boxes


@pytest.mark.parametrize(
    "xml",
    [
        "<annotation>",
        "<annotation/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><annotation><size><width>&a;</width></size></annotation>',
        "<annotation><size><width>9</width><height>-9</height></size></annotation>",
    ],
)
def test_annotations_that_are_none_cost_the_boxes_of_one_image(xml: str, root: Path) -> None:
    example = Flickr8k(root=root).read_listing("test").examples[0]
    put(root / f"Flickr30kEntities/Annotations/{example.key.partition('_')[0]}.xml", xml)
    listing = Flickr8k(root=root).read_listing("test")
    assert len(listing.examples) == TEST
    assert not listing.examples[0].boxes
    assert [problem.image for problem in listing.problems] == [example.key]
    assert check("flickr8k", root).sound


def test_the_re_upload_has_no_lists_of_splits(miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "flickr8k"
    shutil.copytree(miniatures / "flickr8k/Flicker8k_Dataset", root / "Images")
    text = io.StringIO()
    names = sorted(path.name for path in (root / "Images").iterdir())
    csv.writer(text).writerows([("image", "caption"), *((name, f"seen, {k} .") for name in names for k in range(5))])
    put(root / "captions.txt", text.getvalue() + f"{names[0]},a comma, not in quotes .\n")
    dataset = Flickr8k(size=32, root=root)
    sizes = {split: len(dataset.split(split, tmp_path / "cache")) for split in dataset.splits}
    assert sum(sizes.values()) == len(names)
    assert all(sizes.values())
    captions = {e.key: e.captions for split in dataset.splits for e in dataset.read_listing(split).examples}
    assert captions[names[0]] == (*(f"seen, {k} ." for k in range(5)), "a comma, not in quotes .")
    assert "splits were drawn by hash of the names" in as_text(check("flickr8k", root))


def test_karpathys_list_has_the_official_splits(root: Path) -> None:
    wanted = {split: names_of(root, split) for split in ("train", "validation", "test")}
    rows = [
        {"filename": name, "split": {"validation": "val"}.get(split, split), "sentences": []}
        for split, names in wanted.items()
        for name in names
    ]
    for path in (root / "Flickr8k_text").glob("*Images.txt"):
        path.unlink()
    put(root / "dataset_flickr8k.json", json.dumps({"images": rows, "dataset": "flickr8k"}))
    assert {split: names_of(root, split) for split in wanted} == wanted
    put(root / "dataset_flickr8k.json", json.dumps({"images": [{"filename": "a.jpg", "split": "restval"}]}))
    with pytest.raises(DataError, match="'restval' is no split"):
        Flickr8k(root=root).read_listing("train")


def test_a_folder_in_a_folder_of_its_name(root: Path) -> None:
    (root / "Flicker8k_Dataset").rename(root / "inner")
    (root / "Flicker8k_Dataset").mkdir()
    (root / "inner").rename(root / "Flicker8k_Dataset/Flicker8k_Dataset")
    assert check("flickr8k", root).sound


def test_half_of_the_lists_is_an_error(root: Path) -> None:
    (root / "Flickr8k_text/Flickr_8k.devImages.txt").unlink()
    with pytest.raises(DataError, match=r"devImages\.txt is missing, and the other lists are there"):
        Flickr8k(root=root).read_listing("train")
    put(root / "Flickr8k_text/Flickr_8k.devImages.txt", (root / "Flickr8k_text/Flickr_8k.testImages.txt").read_text())
    with pytest.raises(DataError, match="in two of the lists of splits"):
        Flickr8k(root=root).read_listing("train")
