"""What makes a result suspicious, each alarm on both sides of its bound."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import TOY
from helpers.made_records import N, a_record, rows, shown

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import Score
from bench.contracts.task import Work
from bench.experiment.plan import TRAIN_CODE
from bench.leaderboard.board import render
from bench.leaderboard.formats import to_json
from bench.presets import PRESETS
from bench.records import alarms
from bench.records.record import MethodUsed, Record
from bench.records.store import RecordStore
from bench.system.fingerprint import of_code
from bench.tasks.reconstruction import Reconstruction

Bench = Callable[..., subprocess.CompletedProcess[str]]
CPU = torch.device("cpu")

STUCK = '''
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.contracts.method import Method, Tokenizer
from bench.registry import methods


class Stuck(Tokenizer):
    """Every image is code 0 everywhere, which is brighter than all images; only an unused weight is trained."""

    def __init__(self, preset):
        super().__init__()
        self.grid = (preset.grid, preset.grid)
        self.scale = preset.image_size // preset.grid
        self.weight = nn.Parameter(torch.ones(()))
        self.register_buffer("codebook", torch.linspace(1, -1, preset.codes)[:, None])

    def encode(self, images):
        return torch.zeros(len(images), *self.grid, dtype=torch.int64)

    def decode(self, indices):
        grey = self.codebook[indices].permute(0, 3, 1, 2)
        return nn.functional.interpolate(grey, scale_factor=self.scale).expand(-1, 3, -1, -1)

    def losses(self, batch, step):
        return {"l1": self.weight.abs(), "discriminator": self.weight * 0}


@methods.register("stuck")
@dataclass(frozen=True)
class StuckMethod(Method):
    """Learns nothing."""

    def build(self, preset, dataset, text):
        return Stuck(preset)
'''


# the codebook's use


def used(distinct: int, tokens: int, codes: int, name: str = "normalised_usage") -> dict[str, Score]:
    ceiling = 1 - (1 - 1 / codes) ** tokens
    return {name: Score(distinct / codes / ceiling, tokens)}


def test_usage_is_measured_against_what_the_tokens_could_reach() -> None:
    (alarm,) = alarms.low_usage(used(16, 128_000, 512), 512)
    assert alarm == "usage 3.12 % of what 128,000 even draws from 512 codes would reach; below 5 %"
    assert alarms.low_usage(used(25, 128_000, 512), 512)
    assert not alarms.low_usage(used(26, 128_000, 512), 512)
    assert not alarms.low_usage(used(2_000, 8_192, 262_144), 262_144)  # 0.8 % of all, a quarter of what is possible
    assert alarms.low_usage(used(300, 8_192, 262_144), 262_144)


def test_residual_codes_are_judged_level_by_level() -> None:
    joint = used(300, 8_192, 512**2)
    assert alarms.low_usage(joint, 512)
    first, second = (f"normalised_usage/level-{level}" for level in (1, 2))
    assert not alarms.low_usage(joint | used(60, 8_192, 512, first) | used(40, 8_192, 512, second), 512)
    (alarm,) = alarms.low_usage(joint | used(60, 8_192, 512, first) | used(3, 8_192, 512, second), 512)
    assert alarm.startswith("usage/level-2 0.586 % of what 8,192 even draws from 512")


def test_without_a_codebook_no_usage_is_expected() -> None:
    assert not alarms.low_usage({"psnr": Score(20, 8)}, 0)


# the reconstruction


def test_psnr_below_the_mean_image() -> None:
    (alarm,) = alarms.worse_than_mean_image(12.49, 12.5)
    assert alarm == "psnr 12.49 dB; below the 12.50 dB of showing the mean training image every time"
    assert not alarms.worse_than_mean_image(12.5, 12.5)


def flat(level: int, splits: dict[str, Split]) -> dict[str, Codes]:
    """Codes that are decoded to one grey, whatever the image."""

    def decode(indices: torch.Tensor) -> torch.Tensor:
        return torch.full((len(indices), 3, 16, 16), level / 127.5 - 1)

    array = np.arange(4).reshape(1, 2, 2).repeat(40, 0)
    return {name: Codes(array, torch.eye(4), True, decode) for name in splits}


def test_the_reconstruction_task_compares_with_its_own_blind_baseline() -> None:
    generator = np.random.default_rng(0)
    splits = {name: Split(name, generator.integers(80, 121, (40, 16, 16, 3)).astype(np.uint8))
              for name in ("train", "validation", "test")}  # fmt: skip
    splits["train"].images[:] = 140
    task, head = Reconstruction(extractors=()), PRESETS["smoke"].head
    blind = task.run(Work(None, splits, head, 0, CPU))
    assert not blind.warnings
    assert not task.run(Work(flat(139, splits), splits, head, 0, CPU)).warnings
    assert not task.run(Work(flat(140, splits), splits, head, 0, CPU)).warnings
    (alarm,) = task.run(Work(flat(141, splits), splits, head, 0, CPU)).warnings
    assert f"below the {blind.metrics['psnr'].value:.2f} dB" in alarm


# the training


def test_a_discriminator_that_has_won() -> None:
    won = {"l1": [0.5] * 40, "discriminator": [1.0] * 16 + [0.04, 0.05, 0.05, 0.05]}
    (alarm,) = alarms.saturated_discriminator(won)
    assert alarm == "the discriminator has won: its hinge loss is 0.048 over the last 10 % of the training; below 0.05"
    assert not alarms.saturated_discriminator(won | {"discriminator": [0.0] * 16 + [0.05] * 4})
    assert alarms.saturated_discriminator({"discriminator": [0.04]})
    assert not alarms.saturated_discriminator({"l1": [0.0] * 40})
    assert not alarms.saturated_discriminator({})


def test_a_codebook_that_does_not_move() -> None:
    (alarm,) = alarms.still_codebook(0.00099)
    assert alarm == "the codebook moved by 0.00099 of its norm in training; below 0.001"
    assert alarms.still_codebook(0.0)
    assert not alarms.still_codebook(0.001)
    assert not alarms.still_codebook(None)


def test_alarms_do_not_count_as_training_code() -> None:
    """A bound that is changed must not train everything again."""
    assert of_code(TRAIN_CODE) != of_code([*TRAIN_CODE, Path(alarms.__file__)])


# beside the controls


def far(method: str, distance: float, control: bool = False, usage: bool = True, seed: int = 0) -> Record:
    values = {"psnr": (20.0, True), "fd_tinyclip": (distance, False), "fd_tinyclip@floor": (distance * 9, None)}
    values |= {"usage": (0.5, None)} if usage else {}
    metrics = {
        name: {"value": value, "n": N, "higher_is_better": better, "unit": ""}
        for name, (value, better) in values.items()
    }
    record = a_record(method, 0.0, task="reconstruction", seed=seed, metrics=metrics)
    return record.model_copy(update={"method": MethodUsed(name=method, control=control)})


IDENTITY = far("no-codes", 0.1, control=True, usage=False)
RANDOM = far("random-codes", 1.0, control=True)
NOTE = "fd_tinyclip 2.01 against 1 for a control; above 2 times that"


def test_a_distance_far_above_the_control_is_a_note_at_that_row() -> None:
    blind = a_record("blind", 0.0, task="reconstruction", metrics=far("blind", 99.0).metrics)
    records = [far("good", 1.0), far("bound", 2.0), far("bad", 2.01), blind, RANDOM, IDENTITY]
    text = shown(records)
    assert f"- [1] warning: {NOTE}" in text
    assert {label for label in rows(text, "### reconstruction") if "[" in label} == {"bad [1]"}
    assert text == shown(records[::-1])
    assert to_json(render(records)) == to_json(render(records[::-1]))
    assert NOTE in to_json(render(records))


@pytest.mark.parametrize(
    "others",
    [
        [],
        [IDENTITY],
        [far("good", 1.0)],
        [far("random-codes", 1.0, control=True, seed=1)],
        [RANDOM, far("coarser-random-codes", 1.5, control=True)],
    ],
    ids=["alone", "a control without codes", "no control", "a control with another seed", "the worst control counts"],
)
def test_no_note_without_a_control_to_compare_with(others: list[Record]) -> None:
    assert "warning" not in shown([far("bad", 2.01), *others])


def test_means_over_seeds_are_compared() -> None:
    control = [far("random-codes", value, control=True, seed=seed) for seed, value in enumerate((0.8, 1.2))]
    assert "warning" not in shown([far("a", 1.7, seed=0), far("a", 2.3, seed=1), *control])
    assert "fd_tinyclip 2.05 against 1 for" in shown([far("a", 1.7, seed=0), far("a", 2.4, seed=1), *control])


# the whole path


def test_alarms_reach_the_records_and_the_leaderboard(bench: Bench, tmp_path: Path) -> None:
    plugin = tmp_path / "stuck.py"
    plugin.write_text(STUCK)
    words = ["run", "--methods", "stuck,identity", "--tasks", "toy-task", "--datasets", "toy-colours"]
    words += ["--preset", "smoke", "--engine", "serial", "--device", "cpu", "--plugin", str(TOY)]
    ran = bench(*words, plugin=plugin)
    assert ran.returncode == 0, ran.stderr
    found = {(r.method.name, r.task): r.warnings for r in RecordStore(tmp_path / "results").all().records}
    trained = [
        "the discriminator has won: its hinge loss is 0 over the last 10 % of the training; below 0.05",
        "the codebook moved by 0 of its norm in training; below 0.001",
    ]
    assert found["stuck", "toy-task"] == trained
    psnr, usage, *others = found["stuck", "reconstruction"]
    assert psnr.startswith("psnr ")
    assert usage == "usage 1.56 % of what 3,072 even draws from 64 codes would reach; below 5 %"
    assert others == trained
    about_codes = [w for cell, warnings in found.items() if cell[0] != "stuck" for w in warnings if "code" in w]
    assert not about_codes
    assert not found["blind", "reconstruction"]
    board = bench("leaderboard").stdout
    assert all(f"warning: {warning}" in board for warning in found["stuck", "reconstruction"])
