"""The command that a record gives plans the cell that made it."""

from __future__ import annotations

import itertools
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.made_records import a_record
from typer.testing import CliRunner

from bench import registry
from bench.cli.main import app
from bench.contracts.result import Score, TaskResult
from bench.experiment.arguments import parse_setting, resolve
from bench.experiment.outcome import measured
from bench.experiment.plan import plan
from bench.experiment.request import Cell, Request
from bench.records.command import command_of
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import ROOT

WORDS = "python -m bench run "


def settings(*texts: str) -> Any:
    return tuple(map(parse_setting, texts))


REQUESTS = {
    "defaults": Request(("vqgan",), ("captioning",), preset="smoke"),
    "losses": Request(("lgvq-gsa",), ("vqa",), settings=settings("lgvq-gsa.gsa=0.5", "lgvq-gsa.variant=paper")),
    "none where another is default": Request(
        ("lgvq",), ("vqa",), settings=settings("lgvq.losses=('ras', 'gsa')", "lgvq.ras_sign=False", "lgvq.base=vqvae")
    ),
    "values": Request(
        ("vqgan", "fsq"),
        ("grounding",),
        settings=settings("vqgan.legacy=no", "vqgan.beta=1e-3", "fsq.levels=[8, 8, 8]"),
    ),
    "seeds": Request(("vqgan",), ("linear-probe",), seeds=(3, 7), head_seeds=(0, 5)),
    "data": Request(("identity",), ("reconstruction",), settings=settings("emoji-scenes.seed=3")),
    "preset": Request(
        ("cvq-l2-contrastive",),
        ("reconstruction",),
        settings=settings(
            "preset.schedule=constant", "preset.steps=10", "preset.muon=None", "preset.betas=(0.5, 0.9)",
            "preset.limits={'train': 64, 'validation': 8, 'test': 8}", "preset.average=0.9", "preset.threads=2",
            "preset.head={'steps': 3, 'batch_size': 2, 'learning_rate': 1e-3, 'width': 8, 'layers': 1}",
        ),
    ),
    "threads": Request(("vqgan",), ("reconstruction",), threads=2),
}  # fmt: skip


def recorded(cell: Cell) -> Record:
    """The record of a cell that was run."""
    result = TaskResult({"psnr": Score(20.0, 10, over="set")})
    record = measured(cell, torch.device("cpu"), result, {})
    return record.model_copy(update={"env": {"threads": cell.threads}})


def planned(command: str, results: Path) -> set[str]:
    """The keys of the cells that the command would run."""
    assert command.startswith(WORDS)
    words = [*shlex.split(command.removeprefix("python -m bench ")), "--dry-run", "--json", "--results", str(results)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (done.output, done.exception)
    return {row["key"] for row in json.loads(done.stdout)}


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_command_plans_the_cell(kind: str, tmp_path: Path) -> None:
    cells = plan(REQUESTS[kind])
    for method in dict.fromkeys(cell.method for cell in cells):
        cell = [cell for cell in cells if cell.method == method][-1]
        assert cell.key in planned(command_of(recorded(cell)), tmp_path)


def test_of_every_method_the_command_gives_the_arguments() -> None:
    for entry in registry.methods.entries():
        arguments = resolve(entry.load(), dict(entry.facts.arguments), [])
        command = command_of(a_record(entry.name, arguments=json.loads(json.dumps(arguments, default=str))))
        words = shlex.split(command)
        given = [parse_setting(word) for before, word in itertools.pairwise(words) if before == "--set"]
        of_method = [setting for setting in given if setting.name == entry.name]
        assert resolve(entry.load(), dict(entry.facts.arguments), of_method) == arguments
        assert len(of_method) <= 1, "defaults are left out"


def test_the_committed_records_give_commands_of_the_same_methods_seeds_and_data(tmp_path: Path) -> None:
    records = RecordStore(ROOT / "results").all().records
    for record in {record.method.name: record for record in records}.values():
        words = shlex.split(command_of(record).removeprefix("python -m bench "))
        done = CliRunner().invoke(app, [*words, "--dry-run", "--json", "--results", str(tmp_path)])
        rows = [(row["method"], row["task"], row["seed"], row["head_seed"]) for row in json.loads(done.stdout)]
        assert (record.method.name, record.task, record.seed, record.fit_seed) in rows


def test_a_shell_does_nothing_with_names_and_values() -> None:
    hostile = "'; rm -rf / #$(id)`id`\n\"<b>"
    record = a_record(
        hostile,
        task=hostile,
        preset=f"tiny with {hostile}",
        text_encoder=hostile,
        arguments={"a": hostile},
    )
    words = shlex.split(command_of(record).removeprefix(WORDS))
    assert words[words.index("--methods") + 1] == words[words.index("--tasks") + 1] == hostile
    assert words[words.index("--preset") + 1] == f"tiny with {hostile}"
    assert f"{hostile}.a={hostile}" in words
    assert words[words.index("--plugin") + 1] == "FILE.py"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", "'5'"), ("None", "'None'"), (" x", "' x'"), ("a=b", "a=b"), ("", ""), (None, None), (5, "5"),
        (True, "True"), (1e-5, "1e-05"), (["a", None], "['a', None]"), (["a"], '["a"]'), ({"a": 1}, '{"a": 1}'),
        ({"file": "w.pth", "sha256": "0"}, "w.pth"), ({"folder": "weights", "sha256": "0"}, "weights"),
    ],
)  # fmt: skip
def test_values_are_written_so_that_set_reads_them_back(value: object, text: str | None) -> None:
    words = shlex.split(command_of(a_record("unknown", arguments={"x": value})))
    assert (f"unknown.x={text}" in words) == (text is not None)
    assert text is not None or not any(word.startswith("unknown.x") for word in words)


def test_files_of_data_sets_are_asked_for_and_none_replaces_a_default() -> None:
    record = a_record("vqgan", arguments={"init": None, "codes": None, "beta": 0.25})
    data = record.dataset.model_copy(update={"name": "flickr8k"})
    words = shlex.split(command_of(record.model_copy(update={"dataset": data})))
    assert words[words.index("--data-root") + 1] == "DIR"
    assert [word for word in words if word.startswith("vqgan.")] == ["vqgan.init=None"]
