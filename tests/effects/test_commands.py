"""The commands `effects` and `compare`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from helpers.made_designs import LOSSES, stored
from typer.testing import CliRunner

from bench import registry
from bench.cli.effects import compare, effects
from bench.errors import UsageError
from bench.records.store import RecordStore

app = typer.Typer()
app.command()(effects)
app.command()(compare)


def call(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def results(tmp_path: Path) -> Path:
    list(stored(RecordStore(tmp_path), {"gsa": 0.05}))
    return tmp_path


def test_effects_are_printed_or_written(results: Path, tmp_path: Path) -> None:
    printed = call("effects", "--results", results)
    assert "gsa changes VQA accuracy by +" in printed
    assert json.loads(call("effects", "--results", results, "--format", "json"))["rows"]
    assert r"\toprule" in call("effects", "--results", results, "--format", "tex")
    assert call("effects", "--results", results, "--output", tmp_path / "effects.md") == ""
    assert (tmp_path / "effects.md").read_text(encoding="utf-8") == printed


def test_what_is_no_record_is_named_and_the_rest_is_told(results: Path) -> None:
    broken = results / "emoji-scenes/vqgan/vqa/broken.json"
    broken.write_text("{")
    done = CliRunner().invoke(app, ["effects", "--results", str(results)])
    assert done.exit_code == 0
    assert "left out: " in done.output
    assert "gsa changes VQA accuracy by +" in done.output


def test_no_records_are_a_sentence(tmp_path: Path) -> None:
    assert "No record has losses of language around a base" in call("effects", "--results", tmp_path / "none")


def test_compare_prints_and_names_what_does_not_exist(results: Path) -> None:
    assert 'lgvq (losses=["gsa", "mtp", "ras"]) is better' in call(
        "compare", f"lgvq (losses={json.dumps(LOSSES)})", "vqgan", "--task", "vqa", "--results", results
    )
    with pytest.raises(UsageError, match="'lgvq' means several rows"):
        call("compare", "lgvq", "vqgan", "--task", "vqa", "--results", results)
    with pytest.raises(UsageError, match="did you mean 'vqgan'"):
        call("compare", "vqgam", "vqgan", "--task", "vqa", "--results", results)


def test_neither_command_imports_what_is_slow(results: Path) -> None:
    words = (
        "import sys; from pathlib import Path; from bench.cli.effects import compare, effects; "
        f"effects(Path({str(results)!r}), None, 'md'); "
        f"compare('lgvq (losses=[\"gsa\"])', 'vqgan', 'vqa', Path({str(results)!r}), None, None); "
        "slow = {'torch', 'scipy.stats', 'statsmodels', 'matplotlib', 'ray', 'transformers'}; "
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", words], cwd=registry.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
