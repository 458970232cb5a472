"""Owners' data sets in the folders that archives, READMEs and users make of them: all is read as in the usual ones."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION, WRITERS, put_pickle
from typer.testing import CliRunner

from bench.cli.main import app
from bench.data.reading.check import Report, as_text, check
from bench.errors import DataError
from bench.registry import datasets

SIZES = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
MASKS = "CelebAMask-HQ-mask-anno"
QUESTIONS = [f"v2_OpenEnded_mscoco_{part}2014_questions.json" for part in ("train", "val")]
ANSWERS = [f"v2_mscoco_{part}2014_annotations.json" for part in ("train", "val")]
ANNOTATIONS = [f"{kind}_{part}2014.json" for kind in ("captions", "instances") for part in ("train", "val")]
TREES = {
    "MM-CelebA-HQ's archives": (
        "celebahq", {"images": "image/images", "celeba-caption": "text/celeba-caption", MASKS: f"CelebAMask-HQ/{MASKS}"}
    ),
    "CelebAMask-HQ's archive": (
        "celebahq", {"images": "CelebAMask-HQ/CelebA-HQ-img", MASKS: f"CelebAMask-HQ/{MASKS}"}
    ),
    "an archive in a folder of its name": ("celebahq", {"images": "images/images", "celeba-caption": "text"}),
    "the captions' repository": ("celebahq", {"celeba-caption": "MM-CelebA-HQ-Dataset/celeba_caption"}),
    "Reed's archive": ("cub200", {"text_c10": "cvpr2016_cub/text_c10"}),
    "AttnGAN's README": ("cub200", {"CUB_200_2011": "birds/CUB_200_2011", "text_c10": "birds/text"}),
    "unpacked into its own name": ("cub200", {"CUB_200_2011": "CUB_200_2011/CUB_200_2011"}),
    "COCO's images together": ("coco", {"train2014": "images/train2014", "val2014": "images/val2014"}),
    "COCO's annotations unpacked twice": ("coco", {"annotations": "annotations_trainval2014/annotations"}),
    "COCO's annotations at the top": ("coco", {f"annotations/{name}": name for name in ANNOTATIONS}),
    "the VQA API's README": (
        "vqav2",
        {name: f"Questions/{name}" for name in QUESTIONS} | {name: f"Annotations/{name}" for name in ANSWERS},
    ),
    "COCO-QA in its archive's folder": ("cocoqa", {part: f"cocoqa-2015-05-17/{part}" for part in ("train", "test")}),
    "refer's README": ("refcoco", {"train2014": "images/mscoco/images/train2014", "refcoco": "data/refcoco"}),
    "TextCaps' archive in a folder of its name": ("textcaps", {"train_images": "train_val_images/train_images"}),
    "Kaggle's ImageNet": ("imagenet", {part: f"ILSVRC/Data/CLS-LOC/{part}" for part in ("train", "val")}),
    "capitals": ("imagenet", {"train": "Training", "val": "Test"}),
    "ImageNet's archives by name": ("imagenet", {"train": "ILSVRC2012_img_train", "val": "ILSVRC2012_img_val"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def usual(miniatures: Path) -> dict[str, Report]:
    """The reports of the usual trees."""
    return {name: check(name, miniatures / name) for name in sorted({name for name, _ in TREES.values()})}


def unread(report: Report) -> list[str]:
    return [remark for remark in report.unused if "not read" in remark]


def moved(root: Path, moves: dict[str, str]) -> Path:
    """The same folder with files and folders elsewhere in it."""
    for number, source in enumerate(moves):
        (root / source).rename(root / f"aside-{number}")
    for number, target in enumerate(moves.values()):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / f"aside-{number}").rename(root / target)
    return root


def written(name: str, root: Path) -> Path:
    WRITERS[name](root)
    return root


@pytest.mark.parametrize("tree", TREES)
def test_all_is_found_wherever_it_lies(tree: str, usual: dict[str, Report], tmp_path: Path) -> None:
    name, moves = TREES[tree]
    report = check(name, moved(written(name, tmp_path / name), moves))
    assert report.counts == usual[name].counts
    assert report.sound
    assert unread(report) == unread(usual[name])


@pytest.mark.parametrize("name", ["cocoqa", "vqav2", "refcoco"])
def test_images_of_coco_2017_are_the_same_photographs(name: str, usual: dict[str, Report], tmp_path: Path) -> None:
    root = written(name, tmp_path / name)
    (root / "train2017").mkdir()
    (root / "val2017").mkdir()
    for number, path in enumerate(
        [path for part in ("train2014", "val2014") for path in sorted((root / part).iterdir())]
    ):
        path.rename(root / ("val2017" if number % 5 == 0 else "train2017") / path.name[-16:])
    shutil.rmtree(root / "train2014")
    shutil.rmtree(root / "val2014")
    report = check(name, root)
    assert report.sound
    assert report.counts == usual[name].counts


def test_images_of_coco_2014_named_by_their_number_alone(usual: dict[str, Report], tmp_path: Path) -> None:
    root = written("vqav2", tmp_path / "vqav2")
    for part in ("train2014", "val2014"):
        for path in list((root / part).iterdir()):
            path.rename(path.with_name(path.name[-16:]))
    assert check("vqav2", root).counts == usual["vqav2"].counts


def test_the_other_year_of_coco_is_named(miniatures: Path) -> None:
    report = check("coco", miniatures / "coco", year="2017")
    assert "train2014 is there, which --set coco.year=2014 reads" in report.errors[0]


@pytest.mark.parametrize(
    ("name", "arguments", "sizes"),
    [
        ("coco", {"year": "2017"}, {"train": (118_287, 591_753), "test": (5_000, 25_014)}),
        ("coco", {}, {"train": (82_783, 414_113), "test": (40_504, 202_654)}),
        ("cub200", {"partition": "class-disjoint"}, {"train": (8_855, 88_550), "test": (2_933, 29_330)}),
    ],
)
def test_sizes_to_compare_with_depend_on_the_arguments(
    name: str, arguments: dict[str, str], sizes: dict[str, tuple[int, int]]
) -> None:
    published = datasets.get(name).load()(**arguments).published
    assert {split: (told["images"], told["captions"]) for split, told in published.items()} == sizes


@pytest.mark.parametrize("variant", ["refcoco", "refcoco+", "refcocog"])
@pytest.mark.parametrize("by", ["unc", "google", "umd"])
def test_every_published_split_of_refcoco_is_a_split(variant: str, by: str) -> None:
    dataset = datasets.get("refcoco").load()(variant=variant, by=by)
    assert set(dataset.published) <= set(dataset.splits)
    for told in dataset.published.values():
        assert told["images"] <= told.get("boxes", told["images"])


def test_refcoco_by_google_is_compared_with_its_own_sizes(miniatures: Path) -> None:
    report = check("refcoco", miniatures / "refcoco", by="google")
    assert report.sound
    assert f"train: {report.counts['train']['images']} images, published are 19,213" in report.differences


def refcocog(root: Path) -> Path:
    """RefCOCOg as Google divided it: objects of the same images in "train" and "val", and nothing for testing."""
    WRITERS["refcoco"](root)
    (root / "refcoco").rename(root / "refcocog")
    refs = pickle.loads((root / "refcocog/refs(google).p").read_bytes())
    put_pickle(
        root / "refcocog/refs(google).p",
        [ref | {"split": "val" if row % 4 else "train"} for row, ref in enumerate(refs)],
    )
    return root


def test_refcocog_by_google_tests_on_its_validation(tmp_path: Path) -> None:
    report = check("refcoco", refcocog(tmp_path), variant="refcocog", by="google")
    counts = {split: told["boxes"] for split, told in report.counts.items()}
    assert counts["train"] + counts["validation"] == (TRAIN + VALIDATION) / 4
    assert counts["validation"] >= 1
    assert counts["test"] == 3 * (TRAIN + VALIDATION) / 4
    assert report.sound
    assert "no test split: its validation is the test split" in report.remarks[0]
    assert "refcoco.by=umd" in report.remarks[0]


def test_another_variants_files_are_not_taken(tmp_path: Path) -> None:
    WRITERS["refcoco"](tmp_path)
    (report,) = check("refcoco", tmp_path, variant="refcoco+").errors
    assert "refcoco+/refs(unc).p is missing" in report
    (report,) = check("refcoco", tmp_path, by="umd").errors
    assert report == "refcoco is not divided by umd: --set refcoco.by=unc or --set refcoco.by=google"


def test_a_variants_own_folder_may_be_the_root(miniatures: Path, usual: dict[str, Report]) -> None:
    report = check("refcoco", miniatures / "refcoco/refcoco", coco=miniatures / "coco")
    assert report.counts == usual["refcoco"].counts


def test_the_first_version_of_vqa_is_named(tmp_path: Path) -> None:
    root = written("vqav2", tmp_path)
    for name in (*QUESTIONS, *ANSWERS):
        (root / name).rename(root / name.removeprefix("v2_"))
    (error,) = check("vqav2", root).errors
    assert "OpenEnded_mscoco_train2014_questions.json is of VQA's first version or of OK-VQA" in error
    assert "get v2_OpenEnded_mscoco_train2014_questions.json" in error


def test_names_of_faces_may_have_their_ending(usual: dict[str, Report], tmp_path: Path) -> None:
    root = written("celebahq", tmp_path)
    for part in ("train", "test"):
        names = pickle.loads((root / part / "filenames.pickle").read_bytes())
        put_pickle(root / part / "filenames.pickle", [f"{name}.jpg" for name in names])
    assert check("celebahq", root).counts == usual["celebahq"].counts


def test_faces_without_their_lists(tmp_path: Path) -> None:
    root = written("celebahq", tmp_path)
    shutil.rmtree(root / "train")
    (error,) = check("celebahq", root).errors
    assert error.endswith(
        "train/filenames.pickle is missing: a pickled list of the names of the train images, without ending"
    )


def test_masks_of_all_faces_in_one_folder(usual: dict[str, Report], tmp_path: Path) -> None:
    root = written("celebahq", tmp_path)
    for path in sorted((root / MASKS).rglob("*.png")):
        path.rename(root / MASKS / path.name)
    assert check("celebahq", root).counts == usual["celebahq"].counts


def test_masks_that_are_missing_are_told(tmp_path: Path) -> None:
    root = written("celebahq", tmp_path)
    for path in (root / MASKS / "1").iterdir():
        path.unlink()
    report = check("celebahq", root)
    assert (report.counts["test"]["images"], report.counts["test"]["masks"]) == (TEST, 0)
    assert [problem.what for problem in report.problems] == ["no part of its mask is there"] * TEST
    assert report.sound
    shutil.rmtree(root / MASKS)
    assert any(
        remark.startswith("no masks: celebahq's masks are missing") for remark in check("celebahq", root).remarks
    )


def birds(root: Path, change: Any) -> Path:
    """CUB with changed pickles of the class-disjoint split."""
    WRITERS["cub200"](root)
    for part in ("train", "test"):
        path = root / "birds" / part / "filenames.pickle"
        path.write_bytes(change(pickle.loads(path.read_bytes())))
    return root


def python_2(names: list[str]) -> bytes:
    """As Python 2 wrote a list of its byte strings: all is text, a line an instruction."""
    return b"(lp0\n" + b"".join(b"S'%s'\np%d\na" % (name.encode(), row) for row, name in enumerate(names, 1)) + b"."


@pytest.mark.parametrize(
    "change",
    [
        lambda names: python_2(names),
        lambda names: python_2(names).replace(b"\n", b"\r\n"),
        lambda names: pickle.dumps(names, 0).replace(b"\n", b"\r\n"),
        lambda names: pickle.dumps([f"{name}\r" for name in names]),
        lambda names: pickle.dumps([f"{name}.jpg" for name in names]),
    ],
)
def test_lists_of_birds_with_other_line_ends_or_endings(change: Any, tmp_path: Path) -> None:
    report = check("cub200", birds(tmp_path, change), partition="class-disjoint")
    assert report.sound
    assert {split: told["images"] for split, told in report.counts.items()} == SIZES


def test_names_in_a_list_that_are_no_birds_are_told(tmp_path: Path) -> None:
    root = birds(tmp_path, lambda names: pickle.dumps([f"{names[0]}x", *names[1:]]))
    report = check("cub200", root, partition="class-disjoint")
    assert len(report.problems) == 2
    assert all("x' is not in images.txt" in problem.what for problem in report.problems)
    assert not report.sound
    with pytest.raises(DataError, match="test: 1 of 8 are missing"):
        datasets.get("cub200").load()(root=root, size=32, partition="class-disjoint").split("test", tmp_path / "cache")


def test_a_bird_without_a_split(tmp_path: Path) -> None:
    WRITERS["cub200"](tmp_path)
    path = tmp_path / "CUB_200_2011/train_test_split.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[1:]) + "\n")
    (problem,) = check("cub200", tmp_path).problems
    assert problem.what == "no 0 or 1 in train_test_split.txt"


def test_a_folder_of_images_that_is_not_read_is_named(tmp_path: Path) -> None:
    root = written("textcaps", tmp_path)
    shutil.copytree(root / "train_images", root / "test_images")
    report = check("textcaps", root)
    assert report.unused == [f"not read: {TRAIN + VALIDATION + TEST} images in test_images/"]
    assert "not read" in as_text(report)


def test_arguments_of_data_check(tmp_path: Path, miniatures: Path) -> None:
    """Questions here, COCO elsewhere."""
    for part in ("train", "test"):
        shutil.copytree(miniatures / "cocoqa" / part, tmp_path / part)
    given = ["--root", str(tmp_path), "--set", f"cocoqa.coco={miniatures / 'coco'}", "--json"]
    ran = CliRunner().invoke(app, ["data", "check", "cocoqa", *given])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["counts"]["test"]["questions"] == 2 * TEST
