"""The project's own plug-ins keep their contracts: all data sets, and one or two of each other kind.

All methods and tasks are held to the same in their own folders of tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.check import check_file
from bench.check.dataset import check_dataset
from bench.check.samples import Place
from bench.registry import datasets
from bench.system.files import ROOT


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_set_keeps_its_contract(name: str, miniatures: Path, tmp_path: Path) -> None:
    lines = check_dataset(f"data set {name}", datasets.get(name), Place(tmp_path, miniatures))
    assert [str(line) for line in lines if line.status != "ok"] == []


@pytest.mark.parametrize(
    "file",
    [
        "methods/vqvae.py",
        "methods/identity.py",
        "tasks/linear_probe.py",
        "bench/metrics/image.py",
        "bench/features/tiny_clip.py",
        "bench/features/scene_cnn.py",
        "bench/text/tiny_clip.py",
        "bench/text/judge.py",
    ],
)
def test_a_file_of_the_project_keeps_its_contract(file: str) -> None:
    report = check_file(ROOT / file)
    assert report.sound, "\n".join(report.lines)
    assert len(report.lines) > 1


def test_a_data_set_of_files_is_read_where_its_folder_is_given(miniatures: Path) -> None:
    file = ROOT / "bench/data/cocoqa.py"
    assert "skip  data set cocoqa: has splits for training, validation and test: it is read from files" in "\n".join(
        check_file(file).lines
    )
    assert not [line for line in check_file(file, miniatures).lines if line.startswith("skip")]
