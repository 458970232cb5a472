"""Released tokenizers in a run: how their files count, what is said where they are missing."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.released import build, refusal
from helpers.taming_checkpoint import Files, state_of

from bench.errors import DataError
from bench.experiment.arguments import Setting
from bench.experiment.plan import plan
from bench.experiment.request import Cell, Request
from bench.methods.pretrained import Pretrained
from bench.records.store import RecordStore

Bench = Callable[..., subprocess.CompletedProcess[str]]


def cells(weights: Path | None = None, config: Path | None = None) -> list[Cell]:
    given = {"weights": weights, "config": config}
    settings = tuple(Setting("pretrained", name, str(path)) for name, path in given.items() if path)
    request = Request(methods=("pretrained",), tasks=(), preset="smoke", settings=settings)
    return [cell for cell in plan(request) if cell.tokenizer]


def test_files_count_by_name_and_content_and_not_by_place(written: Files, tmp_path: Path) -> None:
    (cell,) = cells(*written[:2])
    weights, config = (Path(shutil.copy(path, tmp_path)) for path in written[:2])
    assert cells(weights, config)[0].key == cell.key
    renamed = weights.rename(weights.with_name("first.ckpt"))
    assert cells(renamed, config)[0].key != cell.key
    renamed.rename(weights)
    config.write_text(config.read_text() + "# changed\n")
    assert cells(weights, config)[0].key != cell.key


def test_a_relative_path_is_found_from_another_folder(
    written: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written.weights.parent)
    (cell,) = cells(Path(written.weights.name), Path(written.config.name))
    monkeypatch.chdir(tmp_path)
    assert cell.tokenizer is not None
    assert build(cell.tokenizer.method.make()).grid == (16, 16)


def test_a_missing_file_ends_the_plan_with_one_line(written: Files, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.ckpt: No such file"):
        cells(tmp_path / "none.ckpt", written.config)


def test_without_files_it_is_skipped_and_says_which_options_it_needs(written: Files) -> None:
    for given in ((), (None, written.config)):
        (cell,) = cells(*given)
        assert cell.skip is not None
        assert "--set pretrained.weights=" in cell.skip
        assert "--set pretrained.config=" in cell.skip
    assert cells(*written[:2])[0].skip is None
    assert "--set pretrained.weights=" in refusal(Pretrained())


def test_a_package_that_is_missing_is_named_before_anything_runs(
    written: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    for content, package in (({"_class_name": "VQModel"}, "diffusers"), ({"model_type": "emu3"}, "transformers")):
        config.write_text(json.dumps(content))
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
        expected = f"needs {package}: pip install -c constraints.txt -e '.[{package}]'"
        assert cells(written.weights, config)[0].skip == expected
        assert expected in refusal(Pretrained(written.weights, config))


def test_weights_in_other_numbers_are_computed_with_in_float32(files: Files) -> None:
    state = state_of(files)
    torch.save({name: value.bfloat16() for name, value in state.items()}, files.weights)
    assert {value.dtype for value in build(files.method).state_dict().values()} == {torch.float32}
    torch.save({name: value.int() for name, value in state.items()}, files.weights)
    assert {value.dtype for value in build(files.method).state_dict().values()} == {torch.float32}


def test_run_as_a_user_would(bench: Bench, written: Files, tmp_path: Path) -> None:
    settings = [
        f"--set=pretrained.{name}={path}" for name, path in zip(("weights", "config"), written[:2], strict=True)
    ]
    settings += ["--set=pretrained.image_size=24"]
    words = (
        "run", "--methods", "pretrained", "--tasks", "reconstruction", "--datasets", "toy-colours", "--preset", "smoke",
        "--engine", "serial", "--device", "cpu",
    )  # fmt: skip
    ran = bench(*words, *settings)
    assert ran.returncode == 0, ran.stderr
    (record,) = (r for r in RecordStore(tmp_path / "results").all().records if r.method.name == "pretrained")
    assert record.status == "ok"
    assert record.method.arguments == {
        name: {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in zip(("weights", "config"), written[:2], strict=True)
    } | {"image_size": 24}
    assert record.cost["train_s"] == record.cost["train_images_per_s"] == 0
    assert record.cost["parameters"] == sum(value.numel() for value in state_of(written).values())
    assert record.cost["tokens_per_image"] == 144
    assert any("not on equal terms" in warning for warning in record.warnings)
    assert "not on equal terms" in bench("leaderboard").stdout

    skipped = bench(*words)
    assert skipped.returncode == 0, skipped.stderr
    assert "1 skipped" in skipped.stdout
    assert "--set pretrained.weights=" in skipped.stderr
