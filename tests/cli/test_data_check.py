"""The command that reads all of a data set: what it says, its status, and data sets in a whole run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION

from bench.data.reading.check import Report, _differences
from bench.records.store import RecordStore
from bench.registry import datasets, tasks

Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_a_sound_data_set(bench: Bench, miniatures: Path) -> None:
    ran = bench("data", "check", "cub200", "--root", str(miniatures / "cub200"))
    assert ran.returncode == 0, ran.stderr
    assert "all of it can be read" in ran.stdout
    assert "train and validation: 44 images, published are 5,994" in ran.stdout
    ran = bench("data", "check", "cub200", "--root", str(miniatures / "cub200"), "--json")
    told = json.loads(ran.stdout)
    (cut_away,) = {TRAIN - told["counts"]["train"]["boxes"], told["cut_away"]["train"]}
    assert 0 < cut_away < TRAIN
    assert told["counts"]["train"] == {
        "images": TRAIN,
        "captions": 3 * TRAIN,
        "questions": TRAIN,
        "boxes": TRAIN - cut_away,
        "masks": 0,
    }
    assert told["sound"] is True


def test_what_is_missing_is_named_and_where_to_get_it(bench: Bench, miniatures: Path, tmp_path: Path) -> None:
    root = tmp_path / "celebahq"
    shutil.copytree(miniatures / "celebahq", root)
    (root / "images/2503.jpg").unlink()
    ran = bench("data", "check", "celebahq", "--root", str(root))
    assert ran.returncode == 1
    assert "left out: images/2503.jpg: no such file" in ran.stdout
    assert "to do: From github.com/switchablenorms/CelebAMask-HQ get the images and masks" in ran.stdout
    shutil.rmtree(root / "images")
    ran = bench("data", "check", "celebahq", "--root", str(root), "--json")
    assert ran.returncode == 1
    assert "is missing" in json.loads(ran.stdout)["errors"][0]


@pytest.mark.parametrize("name", ["emoji-scenes", "coc"])
def test_what_cannot_be_checked(name: str, bench: Bench, tmp_path: Path) -> None:
    ran = bench("data", "check", name, "--root", str(tmp_path))
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")


def test_published_sizes_are_compared() -> None:
    counts = {split: {"images": number} for split, number in (("train", 90), ("validation", 10), ("test", 7))}
    report = Report("x", "", counts, {"train": {"images": 100}, "test": {"images": 7}})
    assert _differences(report) == []
    report.published["test"]["images"] = 1_000
    assert _differences(report) == ["test: 7 images, published are 1,000"]


RUN = ("run", "--preset", "smoke", "--engine", "serial", "--device", "cpu", "--methods", "lgvq")


def test_a_run_on_files(bench: Bench, miniatures: Path, tmp_path: Path) -> None:
    """Training with captions, random crops and flips."""
    words = ("--tasks", "linear-probe", "--set", "preset.steps=3")
    ran = bench(*RUN, "--data-root", str(miniatures), "--datasets", "cub200", *words)
    assert ran.returncode == 0, ran.stderr
    records = RecordStore(tmp_path / "results").all().records
    assert {(record.method.name, record.task) for record in records if record.status == "ok"} == {
        (method, task) for method in ("lgvq", "blind") for task in ("reconstruction", "linear-probe")
    }
    for record in records:
        assert record.dataset.used == {"train": TRAIN, "validation": VALIDATION, "test": TEST}
        assert "root" not in record.dataset.arguments
        assert str(tmp_path) not in record.to_json()
        assert str(miniatures) not in record.to_json()
        assert any("the central square cuts away" in warning for warning in record.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in datasets.entries() if entry.facts.reads_files])
def test_every_task_runs_on_every_data_set(name: str, bench: Bench, miniatures: Path, tmp_path: Path) -> None:
    """All that it offers something for; the rest is skipped with the reason."""
    ran = bench(*RUN, "--data-root", str(miniatures), "--datasets", name, "--tasks", "all")
    assert ran.returncode == 0, ran.stderr
    records = RecordStore(tmp_path / "results").all().records
    assert {record.status for record in records} <= {"ok", "skipped"}
    for record in (record for record in records if record.task in tasks.names()):
        lacking = set(tasks.get(record.task).facts.needs) - set(datasets.get(name).facts.offers)
        without_text = record.task == "text-preservation"  # these pictures have nothing written on them
        assert (record.status == "skipped") is (bool(lacking) or without_text)


def test_a_run_without_the_files(bench: Bench, tmp_path: Path) -> None:
    ran = bench(*RUN, "--datasets", "coco", "--tasks", "captioning")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: coco is read from a folder: --data-root DIR")
    ran = bench(*RUN, "--datasets", "coco", "--tasks", "captioning", "--data-root", str(tmp_path / "none"))
    assert ran.returncode == 1
    assert "does not exist. From images.cocodataset.org get" in ran.stderr


def test_a_method_that_needs_captions_is_skipped_where_there_are_none(
    bench: Bench, miniatures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data/vqav2"
    shutil.copytree(miniatures / "vqav2", root)
    shutil.rmtree(root / "annotations")
    given = ("--data-root", str(tmp_path / "data"), "--datasets", "vqav2", "--tasks", "captioning")
    ran = bench(*RUN, *given, "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("skip: COCO's captions are not there") == 3
