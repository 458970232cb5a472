"""Records of data that may not be handed on hold scores alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records.store import RecordStore
from bench.registry import datasets

WORDS = ("run", "--preset", "smoke", "--engine", "serial", "--device", "cpu", "--methods", "vqvae", "--tasks")


@pytest.mark.parametrize("name", [entry.name for entry in datasets.entries()])
def test_every_data_set_says_it(name: str) -> None:
    """Those that come with the installation may be handed on; of those read from files one by its licence."""
    entry = datasets.get(name)
    assert entry.load()().redistributable is (not entry.facts.reads_files or name == "textcaps")


def test_pictures_stay_in_the_cache(
    bench: Callable[..., subprocess.CompletedProcess[str]], miniatures: Path, tmp_path: Path
) -> None:
    fast = ("--set", "reconstruction.extractors=('tinyclip',)", "--set", "preset.steps=3")
    ran = bench(*WORDS, "reconstruction", "--datasets", "daquar", "--data-root", str(miniatures), *fast)
    assert ran.returncode == 0, ran.stderr
    records = [r for r in RecordStore(tmp_path / "results").all().records if r.method.name == "vqvae"]
    (record,) = records
    assert record.metrics
    assert all(name.endswith(".json") for name in record.samples)
    assert list((tmp_path / "runs/cache/samples" / record.key).glob("*.png"))
    kept = {path.suffix for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert kept == {".json", ".npz"}
