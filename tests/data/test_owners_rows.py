"""Broken rows of owners' files: each costs what it has to, in the split that it is about, and is told once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION, WRITERS
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as reference

from bench.data.reading.base import FromFiles
from bench.data.reading.check import check
from bench.data.reading.coco_masks import Segments, outlines_in
from bench.data.reading.splits import held_out, share
from bench.errors import DataError
from bench.registry import datasets

TEXTCAPS = "TextCaps_0.1_train.json"
QUESTIONS, ANSWERS = "v2_OpenEnded_mscoco_train2014_questions.json", "v2_mscoco_train2014_annotations.json"
INSTANCES, CAPTIONS = "annotations/instances_val2014.json", "annotations/captions_train2014.json"


def made(name: str, root: Path) -> FromFiles:
    WRITERS[name](root)
    found: FromFiles = datasets.get(name).load()(size=16, root=root)
    return found


def edit(path: Path, key: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    told = json.loads(path.read_text())
    change(told[key])
    path.write_text(json.dumps(told))


def lost(dataset: FromFiles) -> dict[str, list[str]]:
    """The keys of the images that each split loses."""
    return {
        split: [problem.image for problem in dataset.read_listing(split).problems if problem.lost]
        for split in dataset.splits
    }


def training_row(row: dict[str, Any]) -> bool:
    return not held_out(str(row["image_id"]))


def first(rows: list[dict[str, Any]], held: bool = False) -> dict[str, Any]:
    """The first row of an image that is for training, or that is held out."""
    return next(row for row in rows if training_row(row) is not held)


CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "an empty caption": ("textcaps", TEXTCAPS, "data", {"caption_str": " "}),
    "an empty caption of COCO": ("coco", CAPTIONS, "annotations", {"caption": None}),
    "a box that is none": ("coco", "annotations/instances_train2014.json", "annotations", {"bbox": [1, 2]}),
    "an outline that is none": ("coco", "annotations/instances_train2014.json", "annotations", {"segmentation": None}),
}


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_broken_row_costs_no_image_and_is_told_in_its_split(case: str, held: bool, tmp_path: Path) -> None:
    """Validation has four images: none of the training ones may be held against it."""
    name, file, key, broken = CASES[case]
    dataset = made(name, tmp_path)
    edit(tmp_path / file, key, lambda rows: first(rows, held).update(broken))
    told = {split: len(dataset.read_listing(split).problems) for split in dataset.splits}
    assert told == {"train": 1 - held, "validation": int(held), "test": 0}
    assert {split: len(dataset.split(split, tmp_path / "cache")) for split in ("validation", "test")} == {
        "validation": VALIDATION, "test": TEST,
    }  # fmt: skip
    report = check(name, tmp_path)
    assert report.sound
    assert len(report.problems) == 1


def without(key: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Break all rows of the first training image."""

    def change(rows: list[dict[str, Any]]) -> None:
        image = first(rows)["image_id"]
        for row in rows:
            if row["image_id"] == image:
                row[key] = value

    return change


@pytest.mark.parametrize(
    ("name", "file", "key", "change"),
    [
        ("textcaps", TEXTCAPS, "data", without("caption_str", "")),
        ("coco", CAPTIONS, "annotations", without("caption", "")),
        ("vqav2", QUESTIONS, "questions", without("question", " ")),
        ("vqav2", ANSWERS, "annotations", without("multiple_choice_answer", "")),
        ("vqav2", ANSWERS, "annotations", lambda rows: rows.remove(first(rows))),
    ],
)
def test_an_image_that_loses_all_its_rows_is_lost_once(
    name: str, file: str, key: str, change: Callable[[list[dict[str, Any]]], object], tmp_path: Path
) -> None:
    dataset = made(name, tmp_path)
    edit(tmp_path / file, key, change)
    gone = lost(dataset)
    assert (len(gone["train"]), gone["validation"], gone["test"]) == (1, [], [])
    assert len(dataset.read_listing("train").examples) == TRAIN - 1
    (problem,) = check(name, tmp_path).problems
    assert problem.image == gone["train"][0]
    assert "no captions" in problem.what or "no questions" in problem.what


def test_a_question_without_a_type_in_cocoqa(tmp_path: Path) -> None:
    dataset = made("cocoqa", tmp_path)
    path = tmp_path / "train/types.txt"
    numbers = (tmp_path / "train/img_ids.txt").read_text().split()
    row = next(row for row, number in enumerate(numbers) if not held_out(number))
    kinds = path.read_text().split()
    path.write_text("\n".join([*kinds[:row], "7", *kinds[row + 1 :]]))
    assert lost(dataset) == {"train": [], "validation": [], "test": []}
    path.write_text("\n".join([*kinds[:row], "7", "7", *kinds[row + 2 :]]))
    assert lost(dataset) == {"train": [numbers[row]], "validation": [], "test": []}
    (problem,) = check("cocoqa", tmp_path).problems
    assert problem.what.startswith("no questions (train, line ")


def test_answers_to_no_question(tmp_path: Path) -> None:
    dataset = made("vqav2", tmp_path)
    edit(tmp_path / QUESTIONS, "questions", lambda rows: rows.remove(first(rows)))
    (problem,) = dataset.read_listing("train").problems
    assert problem.what == "answers to a question that is not asked"
    assert not problem.lost


def test_a_reference_to_no_box_costs_its_image_where_it_is_the_only_one(tmp_path: Path) -> None:
    dataset = made("refcoco", tmp_path)
    edit(tmp_path / "refcoco/instances.json", "annotations", lambda rows: rows[0].update(bbox=None))
    gone = lost(dataset)
    assert sum(map(len, gone.values())) == 1
    (problem,) = check("refcoco", tmp_path).problems
    assert problem.what.startswith("no boxes (refs(unc).p, ref 0: no expression, image or box)")


def test_a_list_of_one_image_twice_is_refused(tmp_path: Path) -> None:
    dataset = made("coco", tmp_path)
    edit(tmp_path / CAPTIONS, "images", lambda rows: rows.append(rows[0]))
    with pytest.raises(DataError, match="twice"):
        dataset.read_listing("train")


@pytest.mark.parametrize("size", [(0, 5), (-3, 4), (70_000, 5)])
def test_an_image_that_claims_no_size(size: tuple[int, int], tmp_path: Path) -> None:
    dataset = made("coco", tmp_path)
    file = "annotations/captions_val2014.json"
    edit(tmp_path / file, "images", lambda rows: rows[0].update(width=size[0], height=size[1]))
    assert lost(dataset) == {"train": [], "validation": [], "test": ["500000"]}


def objects(root: Path) -> Any:
    listing = datasets.get("coco").load()(root=root).read_listing("test")
    return {example.key: example for example in listing.examples}, [problem.what for problem in listing.problems]


@pytest.mark.parametrize("box", [[3.0, 3.0, 5.0, 0.0], [3.0, 3.0, 0.0, 5.0]])
def test_a_box_of_no_area_costs_the_box_alone(box: list[float], tmp_path: Path) -> None:
    made("coco", tmp_path)
    whole = check("coco", tmp_path).counts
    edit(tmp_path / INSTANCES, "annotations", lambda rows: rows[0].update(bbox=box))
    report = check("coco", tmp_path)
    assert report.sound
    assert [problem.what for problem in report.problems] == ["a box of no area"]
    assert report.counts["test"] == whole["test"] | {"boxes": whole["test"]["boxes"] - 1}


def test_one_polygon_of_two_corners_costs_itself_alone(tmp_path: Path) -> None:
    made("coco", tmp_path)
    whole, _ = objects(tmp_path)
    edit(tmp_path / INSTANCES, "annotations", lambda rows: rows[0]["segmentation"].append([6.0, 6.0, 9.0, 6.0]))
    examples, problems = objects(tmp_path)
    assert examples.keys() == whole.keys()
    for key, example in examples.items():
        assert example.boxes == whole[key].boxes
        assert example.mask.paint(example.size).tobytes() == whole[key].mask.paint(example.size).tobytes()
    assert len(problems) == 1
    assert "fewer than three corners" in problems[0]


def test_an_object_without_a_box_still_counts(tmp_path: Path) -> None:
    """ "The box" is one of two, whether or not the other can be used."""
    made("coco", tmp_path)
    path = tmp_path / INSTANCES
    edit(path, "annotations", lambda rows: rows.append(rows[0] | {"id": 1, "bbox": None}))
    examples, problems = objects(tmp_path)
    image = str(json.loads(path.read_text())["annotations"][0]["image_id"])
    assert not examples[image].boxes
    assert examples[image].mask.objects
    assert problems == ["no box"]


def test_packed_run_lengths_are_read(tmp_path: Path) -> None:
    """As pycocotools writes them, in place of polygons."""
    made("coco", tmp_path)
    whole, _ = objects(tmp_path)

    def pack(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            example = whole[str(row["image_id"])]
            painted = np.asfortranarray(np.asarray(example.mask.paint(example.size)) > 0, np.uint8)
            packed = reference.encode(painted)
            row["segmentation"] = {"size": packed["size"], "counts": packed["counts"].decode()}

    edit(tmp_path / INSTANCES, "annotations", pack)
    examples, problems = objects(tmp_path)
    assert not problems
    for key, example in examples.items():
        assert example.boxes == whole[key].boxes
        assert example.mask.paint(example.size).tobytes() == whole[key].mask.paint(example.size).tobytes()


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_packed_run_lengths_agree_with_pycocotools(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 1_000)))
    mask = (rng.random((height, width)) < data.draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))).astype(np.uint8)
    packed = reference.encode(np.asfortranarray(mask))
    outlines, fault = outlines_in({"counts": packed["counts"].decode(), "size": [height, width]}, (width, height))
    assert not fault
    assert np.array_equal(np.asarray(Segments(((1, outlines),)).paint((width, height))), mask)


@pytest.mark.parametrize("text", ["T12m00", "o", "oooooooooooo0", "\x00", "绿", " ", "0" * 50])
def test_packed_run_lengths_that_are_none(text: str) -> None:
    assert outlines_in({"counts": text}, (24, 20)) == ((), "run lengths that do not fit the image")


def test_share_of_a_part() -> None:
    keys = [str(number) for number in range(400)]
    train, validation, test = (share(split, keys) for split in ("train", "validation", "test"))
    assert [key for key in keys if validation(key)] == [key for key in keys if held_out(key)]
    assert all(train(key) is not validation(key) and test(key) for key in [*keys, "unknown", "another"])
    few = [key for key in keys if not held_out(key)][:20]
    assert sum(map(share("validation", few), few)) == 2
