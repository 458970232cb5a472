"""Folders of classes as ImageNet, its relatives and users have them: splits, names of classes, what is no image."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from helpers.miniatures import Scene, put

from bench.data.imagenet import ImageNet
from bench.data.reading import class_names
from bench.data.reading.check import Report, check

TENCH, GOLDFISH = "n01440764", "n01443537"
NUMBERS = {"train": range(24), "val": range(30, 34), "test": range(40, 46)}


def photographs(folder: Path, numbers: range, ending: str = "JPEG") -> None:
    for number in numbers:
        put(folder / f"{folder.name}_{number}.{ending}", Scene(number).data())


def classes(root: Path, *splits: str, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Folders of two classes in the folder of each split ("Train=train": a folder Train of as many images as train)."""
    for split in splits:
        folder, _, kind = split.partition("=")
        for name in names:
            photographs(root / folder / name, NUMBERS[kind or folder])
    return root


def images(report: Report) -> dict[str, int]:
    assert report.sound, (report.errors, report.problems)
    return {split: counts["images"] for split, counts in report.counts.items()}


def answers(root: Path) -> set[str]:
    return {
        question.answer
        for split in ImageNet.splits
        for example in ImageNet(root=root).read_listing(split).examples
        for question in example.questions
    }


@pytest.mark.parametrize(
    ("splits", "test"),
    [
        (("train", "val"), 8),
        (("train", "test"), 12),
        (("Train=train", "Validation=val"), 8),
        (("training=train", "testing=test"), 12),
        (("imagenette2-320/train=train", "imagenette2-320/val=val"), 8),
    ],
)
def test_two_splits(splits: tuple[str, ...], test: int, tmp_path: Path) -> None:
    counts = images(check("imagenet", classes(tmp_path, *splits)))
    assert counts["train"] + counts["validation"] == 48
    assert counts["validation"] >= 2
    assert counts["test"] == test


def test_three_splits(tmp_path: Path) -> None:
    report = check("imagenet", classes(tmp_path, "train", "valid=val", "test"))
    assert images(report) == {"train": 48, "validation": 8, "test": 12}
    assert report.remarks == ["splits are what the folders are named after"]


def test_training_in_several_folders(tmp_path: Path) -> None:
    """As ImageNet100 has them on Kaggle."""
    for part, name in (("train.X1", "cat"), ("train.X2", "dog")):
        photographs(tmp_path / part / name, NUMBERS["train"])
    counts = images(check("imagenet", classes(tmp_path, "val.X=val")))
    assert counts["train"] + counts["validation"] == 48
    assert counts["test"] == 8


def test_a_test_folder_without_classes_is_named_and_not_read(tmp_path: Path) -> None:
    classes(tmp_path, "train", "val")
    photographs(tmp_path / "test", range(50, 53))
    report = check("imagenet", tmp_path)
    assert images(report)["test"] == 8
    assert "not read: 3 images in test/" in report.unused
    assert "the validation images are the test split" in report.remarks[0]


@pytest.mark.parametrize("splits", [("train",), (".=train",), ("some/photographs=train",)])
def test_without_splits_they_are_drawn(splits: tuple[str, ...], tmp_path: Path) -> None:
    report = check("imagenet", classes(tmp_path, *splits))
    counts = images(report)
    assert sum(counts.values()) == 48
    assert min(counts.values()) >= 2
    assert report.remarks[0].startswith("splits were drawn by hash of the names")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    report = check("imagenet", classes(tmp_path, ".=train", names=("train", "car", "bullet_train")))
    assert sum(images(report).values()) == 72
    assert answers(tmp_path) == {"train", "car", "bullet train"}


def test_two_sets_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    for name in ("imagenette", "imagewoof"):
        classes(tmp_path / name, "train", "val")
    assert "may both be meant" in check("imagenet", tmp_path).errors[0]


@pytest.mark.parametrize("splits", [("val",), ("val", "test")])
def test_no_training_images(splits: tuple[str, ...], tmp_path: Path) -> None:
    assert "train is missing" in check("imagenet", classes(tmp_path, *splits)).errors[0]


def test_splits_without_classes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        photographs(tmp_path / split, NUMBERS[split])
    assert "train holds no folders of classes" in check("imagenet", tmp_path).errors[0]


def test_validation_that_is_packed(tmp_path: Path) -> None:
    classes(tmp_path, "train")
    put(tmp_path / "ILSVRC2012_img_val.tar", b"")
    assert "ILSVRC2012_img_val.tar is packed: unpack it in" in check("imagenet", tmp_path).errors[0]


def test_what_file_managers_and_jupyter_leave_is_no_image_and_no_class(tmp_path: Path) -> None:
    root = classes(tmp_path, "train", "val")
    whole = images(check("imagenet", root))
    for folder in ("train", "train/cat", "val/dog"):
        for name in (
            ".DS_Store",
            "Thumbs.db",
            "._cat_1.JPEG",
            "desktop.ini",
            ".ipynb_checkpoints/cat_1-checkpoint.JPEG",
        ):
            put(root / folder / name, b"\0")
    photographs(root / "__MACOSX/train/cat", range(3))
    photographs(root / "train/__MACOSX", range(3))
    report = check("imagenet", root)
    assert images(report) == whole
    assert len(report.remarks) == 1
    assert answers(root) == {"cat", "dog"}


def test_other_files_in_a_class_are_no_images(tmp_path: Path) -> None:
    root = classes(tmp_path, "train", "val")
    put(root / "train/cat/cat_boxes.txt", "x\t0\t0\t1\t1\n")
    put(root / "noisy.csv", "path,label\n")
    put(root / "train/dog/dog_99.heic", b"heic")
    put(root / "train/loose.jpg", Scene(3).data())
    (root / "train/empty").mkdir()
    report = check("imagenet", root)
    assert sum(images(report).values()) == 56
    assert report.unused == [
        "not read: 1 images of kinds that are not read (.heic)",
        "not read: images outside of the folders of classes: train/loose.jpg",
        "folders without images are no classes: train/empty",
    ]
    put(root / "train/cat/cat_7.JPEG", b"no image")
    assert [problem.file for problem in check("imagenet", root).problems] == ["cat/cat_7.JPEG"]


def test_classes_behind_links(tmp_path: Path) -> None:
    classes(tmp_path / "all", "train", "val")
    for split in ("train", "val"):
        (tmp_path / "few" / split).mkdir(parents=True)
        for name in ("cat", "dog"):
            (tmp_path / "few" / split / name).symlink_to(tmp_path / "all" / split / name)
    assert images(check("imagenet", tmp_path / "few"))["test"] == 8
    (tmp_path / "few/train/fox").symlink_to("/nowhere/at/all")
    assert [problem.what for problem in check("imagenet", tmp_path / "few").problems] == ["a link that leads nowhere"]


def kaggle(root: Path, rows: list[str]) -> Path:
    for name in (TENCH, GOLDFISH):
        photographs(root / "ILSVRC/Data/CLS-LOC/train" / name, NUMBERS["train"])
    for number in range(6):
        put(root / f"ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_{number:08d}.JPEG", Scene(number).data())
        put(root / f"ILSVRC/Data/CLS-LOC/test/ILSVRC2012_test_{number:08d}.JPEG", Scene(number).data())
        put(root / f"ILSVRC/Annotations/CLS-LOC/val/ILSVRC2012_val_{number:08d}.xml", "<annotation/>")
        put(root / f"ILSVRC/Annotations/CLS-LOC/train/{TENCH}/{TENCH}_{number}.xml", "<annotation/>")
    put(root / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *rows]) + "\n")
    return root


def test_images_of_imagenets_kaggle_page(tmp_path: Path) -> None:
    rows = [f"ILSVRC2012_val_{n:08d},{(TENCH, GOLDFISH)[n % 2]} 1 2 3 4 {TENCH} 5 6 7 8 " for n in range(6)]
    root = kaggle(tmp_path, rows)
    report = check("imagenet", root)
    assert images(report)["test"] == 6
    assert "not read: 6 images in ILSVRC/" in report.unused
    told = {
        example.image.name: example.questions[0].answer for example in ImageNet(root=root).read_listing("test").examples
    }
    assert told == {f"ILSVRC2012_val_{n:08d}.JPEG": ("tench", "goldfish")[n % 2] for n in range(6)}


def test_a_list_of_classes_that_is_not_that_of_the_images(tmp_path: Path) -> None:
    report = check("imagenet", kaggle(tmp_path, [f"ILSVRC2012_val_{n:08d},{TENCH} 1 2 3 4" for n in range(1, 8)]))
    assert sorted(problem.what for problem in report.problems) == [
        "no such file, but LOC_val_solution.csv names it",
        "no such file, but LOC_val_solution.csv names it",
        "not in LOC_val_solution.csv",
    ]
    assert all(problem.lost for problem in report.problems)


def tiny(root: Path) -> Path:
    for name in (TENCH, GOLDFISH):
        for number in NUMBERS["train"]:
            put(root / f"train/{name}/images/{name}_{number}.JPEG", Scene(number).data())
        put(root / f"train/{name}/{name}_boxes.txt", "x\t0\t0\t1\t1\n")
    for number in range(6):
        put(root / f"val/images/val_{number}.JPEG", Scene(number).data())
        put(root / f"test/images/test_{number}.JPEG", Scene(number).data())
    put(root / "wnids.txt", f"{TENCH}\n{GOLDFISH}\n")
    put(
        root / "words.txt",
        f"n00001740\tentity\n{TENCH}\ttench, Tinca tinca\n{GOLDFISH}\tgold fish, Carassius auratus\n",
    )
    return root


def test_tiny_imagenet(tmp_path: Path) -> None:
    root = tiny(tmp_path)
    lines = [f"val_{number}.JPEG\t{(TENCH, GOLDFISH)[number % 2]}\t0\t1\t2\t3\n" for number in range(6)]
    put(root / "val/val_annotations.txt", "".join(lines))
    report = check("imagenet", root)
    counts = images(report)
    assert counts["train"] + counts["validation"] == 48
    assert counts["test"] == 6
    assert "not read: 6 images in test/" in report.unused
    assert answers(root) == {"tench", "gold fish"}


def test_images_without_classes_are_no_class(tmp_path: Path) -> None:
    (error,) = check("imagenet", tiny(tmp_path)).errors
    assert "val holds images and no folders of classes" in error
    assert "val_annotations.txt" in error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LOC_synset_mapping.txt", f"{TENCH} doctor fish, tench\n{GOLDFISH} gold fish\n"),
        ("LOC_synset_mapping.txt", f"{TENCH} : doctor fish, tench\n{GOLDFISH}: gold fish\n"),
        ("synset_words.txt", f"{TENCH} doctor fish, tench\r\n{GOLDFISH} gold fish, Carassius\r\n"),
        ("words.txt", f"{TENCH}\tdoctor fish, tench\n{GOLDFISH}\tgold fish\n"),
    ],
)
def test_lists_of_names(name: str, text: str, tmp_path: Path) -> None:
    root = classes(tmp_path, "data/train=train", "data/val=val", names=(TENCH, GOLDFISH))
    put(root / name, text)
    assert answers(root) == {"doctor fish", "gold fish"}


def test_wordnet_ids_without_a_list(tmp_path: Path) -> None:
    """As imagenette ships them."""
    root = classes(tmp_path, "train", "val", names=("n02102040", "n03028079"))
    assert images(check("imagenet", root))["test"] == 8
    assert answers(root) == {"English springer", "church"}


def test_an_id_that_nobody_knows(tmp_path: Path) -> None:
    report = check("imagenet", classes(tmp_path, "train", "val", names=("n99999999", "dog")))
    assert {problem.what for problem in report.problems} == {"a class without a name"}
    assert len(report.problems) == 28


def test_a_thousand_classes_have_a_thousand_names() -> None:
    timm = importlib.util.find_spec("timm")
    assert timm is not None
    ids = (Path(str(timm.origin)).parent / "data/_info/imagenet_synsets.txt").read_text().split()
    names = class_names.titles(ids, None)
    assert len({name.casefold() for name in names.values()}) == len(ids) == 1_000
    assert (names["n02012849"], names["n03126707"]) == ("crane", "crane (n03126707)")
    assert (names["n03710637"], names["n03710721"]) == ("maillot", "tank suit")
    assert (names["n02963159"], names["n02113186"]) == ("cardigan", "Cardigan Welsh corgi")


def test_classes_of_one_name_are_told_apart_and_named(tmp_path: Path) -> None:
    """By the next name that is free, then by the folder; names that differ by case only are one."""
    root = classes(tmp_path, "train", "val", names=("n00000001", "n00000002", "n00000003", "n00000004", "Crane"))
    lines = ["n00000001 crane, lifter", "n00000002 Crane, bird, wader", "n00000003 crane", "n00000004 bird"]
    put(root / "LOC_synset_mapping.txt", "\n".join(lines))
    assert answers(root) == {"lifter", "wader", "crane (n00000003)", "bird", "Crane"}
    report = check("imagenet", root)
    assert images(report)["test"] == 20
    assert report.unused[-1] == (
        "classes whose first name another one has are called n00000001 'lifter', n00000002 'wader', "
        "n00000003 'crane (n00000003)'"
    )
