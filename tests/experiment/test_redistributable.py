"""Records of data that may not be handed on hold scores alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records.store import RecordStore
from bench.registry import datasets

WORDS = ("run", "--preset", "smoke", "--engine", "serial", "--device", "cpu", "--methods", "vqvae", "--tasks", "vqa")


@pytest.mark.parametrize("name", [entry.name for entry in datasets.entries()])
def test_every_data_set_says_it(name: str) -> None:
    """Those that come with the installation may be handed on; of those read from files one by its licence."""
    entry = datasets.get(name)
    assert entry.load()().redistributable is (not entry.facts.reads_files or name == "textcaps")


def test_pictures_and_answers_stay_in_the_cache(
    bench: Callable[..., subprocess.CompletedProcess[str]], miniatures: Path, tmp_path: Path
) -> None:
    ran = bench(*WORDS, "--datasets", "daquar", "--data-root", str(miniatures))
    assert ran.returncode == 0, ran.stderr
    records = [r for r in RecordStore(tmp_path / "results").all().records if r.method.name == "vqvae"]
    assert {record.task for record in records} == {"reconstruction", "vqa"}
    for record in records:
        assert record.metrics
        assert not record.samples
        assert list((tmp_path / "runs/cache/samples" / record.key).iterdir())
    kept = {path.suffix for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert kept == {".json", ".npz"}
    written = "".join(path.read_text() for path in (tmp_path / "results").rglob("*.json"))
    assert "what is the color" not in written
