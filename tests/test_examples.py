"""The examples keep their contracts, run together, and compute what they say."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from helpers import command_line
from torch import nn
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from bench import registry
from bench.check import check_file
from bench.records.store import RecordStore
from bench.system.files import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def registries() -> Iterator[None]:
    """Leaves the registries as they were."""
    before = [(one, dict(one._all())) for one in registry.REGISTRIES]
    yield
    for one, entries in before:
        one._entries = entries


def read(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"read_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_there_is_one_of_each_kind_that_fits_a_screen() -> None:
    assert [path.stem for path in EXAMPLES] == ["dataset", "method", "metric", "task"]
    assert max(len(path.read_text().splitlines()) for path in EXAMPLES) <= 40


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_keeps_its_contract(path: Path) -> None:
    report = check_file(path)
    assert report.sound, "\n".join(report.lines)


def test_all_examples_together_leave_records(tmp_path: Path) -> None:
    plugins = [word for path in EXAMPLES for word in ("--plugin", str(path))]
    words = ["--methods", "my-rotation", "--tasks", "knn", "--datasets", "stripes", "--preset", "smoke", *plugins]
    words += ["--set", "reconstruction.extractors=('tinyclip',)"]  # the others take longer than the rest of this test
    words = ["run", *words, "--engine", "serial", "--device", "cpu"]
    ran = command_line.run(words, tmp_path, {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    assert ran.returncode == 0, ran.stderr
    records = RecordStore(tmp_path / "results").all().records
    values = {(record.method.name, record.task): record.metrics for record in records}
    assert len(values) == 4
    assert all(record.status == "ok" for record in records)
    method, blind = (values[name, "knn"]["shared_words"].value for name in ("my-rotation", "blind"))
    assert 0 < blind < method <= 1
    reconstruction = values["my-rotation", "reconstruction"]
    assert reconstruction["worst_patch_psnr"].value < reconstruction["psnr"].value
    assert (reconstruction["worst_patch_psnr"].unit, reconstruction["worst_patch_psnr"].n) == ("dB", 128)


def test_the_rotation_is_that_of_the_paper() -> None:
    """Against the package of lucidrains, which follows section 4.2: the code in the forward pass, the same gradient."""
    torch.manual_seed(0)
    quantizer = read("method").Rotation(16, 5)
    quantizer.codebook = nn.Parameter(torch.randn(16, 5))
    z = torch.randn(2, 5, 3, 4, requires_grad=True)
    quantized, indices, _ = quantizer(z)
    codes = quantizer.codebook.detach()[indices]  # [B, h, w, D]
    torch.testing.assert_close(quantized.permute(0, 2, 3, 1), codes)
    weight = torch.randn(2, 3, 4, 5)
    (mine,) = torch.autograd.grad((quantized.permute(0, 2, 3, 1) * weight).sum(), z)
    rows = z.detach().permute(0, 2, 3, 1).reshape(-1, 5).requires_grad_()
    (theirs,) = torch.autograd.grad((rotate_to(rows, codes.reshape(-1, 5)) * weight.reshape(-1, 5)).sum(), rows)
    torch.testing.assert_close(mine.permute(0, 2, 3, 1).reshape(-1, 5), theirs)


def test_the_worst_patch_is_the_one_with_the_largest_error() -> None:
    worst = read("metric").worst_patch_psnr
    originals = np.zeros((2, 20, 24, 3), np.uint8)
    made = originals.copy()
    made[0, 8:16, 16:24] = 255  # one patch is as wrong as can be
    made[0, 0, 0] = 9
    assert worst(made, originals).tolist() == pytest.approx([0.0, 100.0])


def test_neighbours_by_codes_share_words() -> None:
    """Two kinds of image with two kinds of code: all words are shared; by chance, half of them."""
    from bench.contracts.codes import Codes
    from bench.contracts.data import Split
    from bench.contracts.task import Work
    from bench.presets import PRESETS

    kinds = np.arange(40) % 2
    split = [Split(name, np.zeros((40, 4, 4, 3), np.uint8), [["ab", "cd"][kind : kind + 1] for kind in kinds])
             for name in ("train", "test")]  # fmt: skip
    codes = Codes(np.broadcast_to(kinds[:, None, None], (40, 2, 2)), torch.eye(2), True, lambda indices: indices)
    task, cpu = read("task").NearestNeighbours(), torch.device("cpu")
    splits = {one.name: one for one in split}
    seen = task.run(Work(dict.fromkeys(splits, codes), splits, PRESETS["smoke"].head, 0, cpu))
    blind = task.run(Work(None, splits, PRESETS["smoke"].head, 0, cpu))
    assert seen.metrics["shared_words"].value == 1
    assert 0.35 < blind.metrics["shared_words"].value < 0.65
