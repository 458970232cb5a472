"""Each data set read from files, on a miniature in its owners' layout: what is where, and which rules hold."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION, WRITERS, Scene, coco, folder_csv, put_pickle

from bench.contracts.data import Split
from bench.data.pixels.fit import Fit, square
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import Listing
from bench.errors import DataError
from bench.registry import datasets
from bench.system.files import ROOT

FROM_FILES = [entry.name for entry in datasets.entries() if entry.facts.reads_files]
OWN_SIZE = {"folder", "webdataset", "refcoco"}


def made(name: str, root: Path, **arguments: Any) -> FromFiles:
    found: FromFiles = datasets.get(name).load()(size=32, root=root, **arguments)
    return found


def scene_of(pixels: np.ndarray, scenes: list[Scene], how: Fit) -> Scene:
    """The scene whose square is nearest to these pixels."""
    squares = [square(scene.image(), 32, how).astype(float) for scene in scenes]
    return scenes[int(np.argmin([np.abs(pixels - other).mean() for other in squares]))]


def test_every_loader_has_a_miniature() -> None:
    assert set(FROM_FILES) == set(WRITERS)


@pytest.mark.parametrize("name", sorted(set(FROM_FILES) - OWN_SIZE))
def test_nothing_is_lost(name: str, miniatures: Path, tmp_path: Path) -> None:
    dataset = made(name, miniatures / name)
    sizes = {split: len(dataset.split(split, tmp_path)) for split in dataset.splits}
    assert sizes == {"train": TRAIN, "validation": VALIDATION, "test": TEST}


@pytest.mark.parametrize("name", FROM_FILES)
def test_the_root_is_not_written_to(name: str, miniatures: Path, tmp_path: Path) -> None:
    root = miniatures / name
    before = sorted(path.stat().st_mtime_ns for path in root.rglob("*"))
    made(name, root, cache=tmp_path).split("test", tmp_path)
    assert sorted(path.stat().st_mtime_ns for path in root.rglob("*")) == before


@pytest.mark.parametrize("name", FROM_FILES)
def test_a_changed_file_changes_the_fingerprint_and_an_untouched_copy_does_not(
    name: str, miniatures: Path, tmp_path: Path
) -> None:
    root = tmp_path / name
    shutil.copytree(miniatures / name, root)
    dataset = made(name, root, cache=tmp_path / "cache")
    first = dataset.fingerprint()
    assert first == made(name, miniatures / name).fingerprint() == dataset.fingerprint()
    files = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".tar")]
    data = bytearray(files[0].read_bytes())
    data[len(data) // 2] ^= 1
    files[0].write_bytes(data)
    assert dataset.fingerprint() != first


@pytest.mark.parametrize("name", ["coco", "textcaps", "cocoqa", "vqav2"])
@pytest.mark.parametrize("evaluation", ["protocol", "paper"])
def test_captions_stand_beside_their_images(name: str, evaluation: str, miniatures: Path, tmp_path: Path) -> None:
    scenes = [Scene(number) for number in range(500_000, 500_000 + TEST)]
    how: Fit = "stretch" if (name, evaluation) == ("textcaps", "paper") else "crop"
    split = made(name, miniatures / name, evaluation=evaluation).split("test", tmp_path)
    found = [scene_of(pixels, scenes, how) for pixels in split.images]
    assert {scene.number for scene in found} == {scene.number for scene in scenes}
    for scene, captions in zip(found, split.captions, strict=True):
        assert captions == [" ".join(caption.split()) for caption in scene.captions]


def test_validation_is_held_out_of_training_and_nothing_else(miniatures: Path, tmp_path: Path) -> None:
    dataset = made("coco", miniatures / "coco")
    keys = {
        split: {example.key for example in dataset.listing(dataset.folder(), split).examples}
        for split in dataset.splits
    }
    assert len(keys["train"] | keys["validation"]) == TRAIN + VALIDATION
    assert not keys["train"] & keys["validation"]


def test_ids_below_a_hundred_thousand_are_there(miniatures: Path) -> None:
    """LG-VQ's loader lost them."""
    dataset = made("cocoqa", miniatures / "cocoqa")
    names = [example.image.name for example in dataset.listing(dataset.folder(), "train").examples]
    assert "COCO_train2014_000000000090.jpg" in names


def test_coco_2017_has_names_without_a_prefix(tmp_path: Path) -> None:
    coco(tmp_path / "coco", ("train2017", "val2017"))
    split = made("coco", tmp_path / "coco", year="2017").split("test", tmp_path / "cache")
    assert len(split) == TEST


def test_coco_masks_are_category_ids_and_boxes_name_single_objects(miniatures: Path, tmp_path: Path) -> None:
    split = made("coco", miniatures / "coco").split("train", tmp_path)
    assert split.masks is not None
    assert set(np.unique(split.masks)) == {0, 37, 80}
    assert {box.text for box in split.boxes} == {"the sports ball", "the box"}
    for box in split.boxes[:10]:
        mask = split.masks[box.image]
        rows, columns = np.nonzero(mask)
        assert abs(columns.mean() / 32 - box.box[0]) < 0.06
        assert abs(rows.mean() / 32 - box.box[1]) < 0.06


def test_crowds_are_drawn_from_run_lengths(miniatures: Path) -> None:
    dataset = made("coco", miniatures / "coco")
    examples = dataset.listing(dataset.folder(), "test").examples
    for example in examples:
        scene = Scene(int(example.key))
        assert example.mask is not None
        drawn = np.asarray(example.mask.paint((scene.width, scene.height))) > 0
        wanted = np.asarray(scene.mask()) > 0
        # a polygon of PIL includes its far edge
        assert (drawn & wanted).sum() == wanted.sum()
        assert (drawn & ~wanted).sum() <= (0 if scene.number % 3 == 0 else wanted.sum() / 2)


def test_celebahq_merges_parts_or_takes_the_merged_mask(miniatures: Path, tmp_path: Path) -> None:
    split = made("celebahq", miniatures / "celebahq").split("train", tmp_path / "a")
    assert split.masks is not None
    assert set(np.unique(split.masks)) == {0, 1, 13}
    root = tmp_path / "celebahq"
    shutil.copytree(miniatures / "celebahq", root)
    shutil.rmtree(root / "CelebAMask-HQ-mask-anno")
    dataset = made("celebahq", root)
    assert "CelebAMaskHQ-mask" in str(dataset.lacks("masks"))
    assert dataset.lacks("captions") is None
    (root / "CelebAMaskHQ-mask").mkdir()
    for path in (root / "images").iterdir():
        Scene(int(path.stem)).mask().save(root / "CelebAMaskHQ-mask" / f"{path.stem}.png")
    assert dataset.lacks("masks") is None
    merged = dataset.split("train", tmp_path / "b").masks
    assert merged is not None
    assert set(np.unique(merged)) == {0, 1, 2}


def test_cub_partitions(miniatures: Path, tmp_path: Path) -> None:
    official = made("cub200", miniatures / "cub200").split("test", tmp_path)
    assert {question.answer for question in official.questions} <= {
        f"{color} {shape} bird" for color in ("red", "green", "blue", "yellow") for shape in ("ball", "box")
    }
    disjoint = made("cub200", miniatures / "cub200", partition="class-disjoint")
    assert disjoint.lacks("questions")
    assert len(disjoint.split("test", tmp_path)) == TEST
    assert not disjoint.split("test", tmp_path).questions


def test_cub_trains_on_random_crops_and_is_evaluated_on_central_ones(miniatures: Path, tmp_path: Path) -> None:
    dataset = made("cub200", miniatures / "cub200")
    train, test = dataset.split("train", tmp_path), dataset.split("test", tmp_path)
    assert train.flip
    assert train.strips is not None
    assert not test.flip
    assert test.strips is None


@pytest.mark.parametrize(
    ("name", "flip", "strips"), [("coco", True, False), ("textcaps", False, True), ("celebahq", False, False)]
)
def test_training_transforms_are_those_of_the_paper(
    name: str, flip: bool, strips: bool, miniatures: Path, tmp_path: Path
) -> None:
    train = made(name, miniatures / name).split("train", tmp_path)
    assert train.flip is flip
    assert (train.strips is not None) is strips


def test_vqa_keeps_all_ten_answers(miniatures: Path, tmp_path: Path) -> None:
    split = made("vqav2", miniatures / "vqav2").split("test", tmp_path)
    assert all(len(question.answers) == 10 for question in split.questions)
    assert {question.kind for question in split.questions} == {"other"}


def test_refcoco_splits_and_boxes(miniatures: Path, tmp_path: Path) -> None:
    unc, google = (made("refcoco", miniatures / "refcoco", by=by) for by in ("unc", "google"))
    assert unc.splits == ("train", "validation", "test", "test-b")
    assert google.splits == ("train", "validation", "test")
    examples = {example.key: example for example in unc.listing(unc.folder(), "train").examples}
    for key, example in examples.items():
        assert example.boxes[0].box == Scene(int(key)).box
        assert example.boxes[0].text == f"the {Scene(int(key)).color} {Scene(int(key)).shape}"
    split = unc.split("train", tmp_path)
    assert len(split.boxes) == len(split)  # nothing is cut away: images are stretched


def test_imagenet_names_classes(miniatures: Path, tmp_path: Path) -> None:
    split = made("imagenet", miniatures / "imagenet").split("test", tmp_path)
    assert {question.answer for question in split.questions} == {"ball", "cardboard box"}
    assert {caption for captions in split.captions for caption in captions} == {
        "a photo of a ball", "a photo of a cardboard box",
    }  # fmt: skip


def test_coco_may_lie_elsewhere(miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "cocoqa"
    for part in ("train", "test"):
        shutil.copytree(miniatures / "cocoqa" / part, root / part)
    with pytest.raises(DataError, match="train2014 is missing"):
        made("cocoqa", root).fingerprint()
    dataset = made("cocoqa", root, coco=miniatures / "cocoqa")
    assert dataset.lacks("captions") is None
    assert dataset.fingerprint()
    assert len(dataset.split("test", tmp_path / "cache")) == TEST


def test_questions_without_captions(miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "vqav2"
    shutil.copytree(miniatures / "vqav2", root)
    shutil.rmtree(root / "annotations")
    dataset = made("vqav2", root)
    assert "captions_train2014.json" in str(dataset.lacks("captions"))
    split = dataset.split("test", tmp_path / "cache")
    assert len(split.questions) == TEST


def csv_of(root: Path) -> Split:
    folder_csv(root)
    return made("folder", root).split("test", root.parent / "cache")


def beside(root: Path) -> Split:
    for part, numbers in (("train", range(60)), ("test", range(100, 108))):
        (root / part).mkdir(parents=True)
        for number in numbers:
            (root / part / f"{number}.jpg").write_bytes(Scene(number).data())
            (root / part / f"{number}.txt").write_text("\n".join(Scene(number).captions), encoding="utf-8")
    return made("folder", root, txt="lines").split("test", root.parent / "cache")


@pytest.mark.parametrize("write", [csv_of, beside])
def test_a_folder_of_ones_own(write: Callable[[Path], Split], tmp_path: Path) -> None:
    split = write(tmp_path / "mine")
    assert len(split) == 8
    assert all(len(captions) == 3 for captions in split.captions)


def test_a_folder_without_captions(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    for number in range(90):
        (root / f"{number}.jpg").write_bytes(Scene(number).data())
    dataset = made("folder", root)
    assert "captions.jsonl" in str(dataset.lacks("captions"))
    assert len(dataset.split("train", tmp_path / "cache")) > 50


def test_limits_take_examples_in_an_order_of_their_own(miniatures: Path, tmp_path: Path) -> None:
    """Not the first of a list sorted by class."""
    dataset = made("imagenet", miniatures / "imagenet", limits={"train": 10})
    split = dataset.split("train", tmp_path)
    assert len(split) == 10
    assert {question.answer for question in split.questions} == {"ball", "cardboard box"}


def test_an_image_that_is_listed_twice(miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "celebahq"
    shutil.copytree(miniatures / "celebahq", root)
    put_pickle(root / "test/filenames.pickle", ["2500", "2501", "2500"])
    with pytest.raises(DataError, match="twice, such as '2500'"):
        made("celebahq", root).split("test", tmp_path / "cache")


def test_a_listing_says_what_it_lacks(miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "coco"
    shutil.copytree(miniatures / "coco", root)
    path = root / "annotations/captions_val2014.json"
    told = json.loads(path.read_text())
    told["annotations"] = [row for row in told["annotations"] if row["image_id"] != 500_000]
    told["annotations"][0]["caption"] = "  \n "
    path.write_text(json.dumps(told))
    listing: Listing = made("coco", root).listing(root, "test")
    assert len(listing.examples) == TEST - 1
    assert sorted(problem.what for problem in listing.problems) == ["an empty caption", "no captions"]


def test_another_loader_prepares_anew(miniatures: Path, tmp_path: Path) -> None:
    """The key of what is prepared covers the loader's own code, not only that of the base."""
    source = (ROOT / "bench/data/folder.py").read_text(encoding="utf-8")
    assert "maxsize=1" in source
    for name, changed in (("one", "maxsize=1"), ("two", "maxsize=2")):
        path = tmp_path / f"{name}.py"
        path.write_text(source.replace("maxsize=1", changed))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.Folder(size=16, root=miniatures / "folder").split("test", tmp_path / "cache")
        del sys.modules[name]
    assert len(list((tmp_path / "cache/data").iterdir())) == 2
