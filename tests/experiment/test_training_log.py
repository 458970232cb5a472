"""Event files, read as TensorBoard reads them."""

from __future__ import annotations

import dataclasses
import struct
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.disks import fill_up, small_disk
from helpers.toy_plugin import Patches
from tensorboardX.proto.event_pb2 import Event, SessionLog
from torch import Tensor

from bench.contracts.data import Split
from bench.contracts.method import Batch
from bench.experiment.history import CHECK_EVERY, History
from bench.experiment.train import train
from bench.experiment.training_log import TrainingLog
from bench.presets import PRESETS
from bench.system.checkpoint import Checkpoint

PRESET = dataclasses.replace(PRESETS["smoke"], steps=5 * CHECK_EVERY + 7, batch_size=4)
NOTED = [*range(CHECK_EVERY, PRESET.steps, CHECK_EVERY), PRESET.steps]


class Killed(Patches):
    """Dies within a step, if in any."""

    def __init__(self, at: int | None) -> None:
        super().__init__(8, 4, "")
        self.at = at

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        if step == self.at:
            raise RuntimeError("killed")
        return super().losses(batch, step)


class Once(Checkpoint):
    """It is time at one step."""

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder, 0)
        self.step, self.asked = step, 0

    def due(self) -> bool:
        self.asked += 1
        return self.asked == self.step


def trained(folder: Path, at: int | None = None, checkpoint: Checkpoint | None = None) -> History:
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype(np.uint8)
    torch.manual_seed(0)
    cpu = torch.device("cpu")
    split = Split("train", images)
    return train(Killed(at), split, None, PRESET, 0, cpu, lambda *_: None, checkpoint, TrainingLog(folder))


def read(folder: Path) -> dict[str, dict[int, float]]:
    """Tag and step to value; what a restart voids is left out, and no step may come twice."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (size,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + size])
            place += 12 + size + 4
            if event.session_log.status == SessionLog.START:
                found = defaultdict(dict, {
                    tag: {step: value for step, value in values.items() if step < event.step}
                    for tag, values in found.items()
                })  # fmt: skip
            for value in event.summary.value:
                assert event.step not in found[value.tag]
                found[value.tag][event.step] = value.simple_value
    return found


def test_losses_learning_rate_and_speed_are_noted(tmp_path: Path) -> None:
    history = trained(tmp_path / "log")
    found = read(tmp_path / "log")
    assert found.keys() == {"loss/codebook", "learning_rate", "images_per_s"}
    assert found["loss/codebook"] == pytest.approx(dict(zip(NOTED, history.losses["codebook"], strict=True)))
    assert list(found["learning_rate"]) == NOTED
    assert found["learning_rate"][NOTED[-1]] == pytest.approx(0, abs=1e-6)
    assert max(found["learning_rate"].values()) < PRESET.learning_rate
    assert min(found["images_per_s"].values()) > 0


def test_after_a_resume_no_step_is_there_twice_and_none_is_missing(tmp_path: Path) -> None:
    trained(tmp_path / "whole")
    checkpoint = Once(tmp_path / "checkpoint", 2 * CHECK_EVERY + 3)
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path / "log", 4 * CHECK_EVERY + 1, checkpoint)
    assert max(read(tmp_path / "log")["loss/codebook"]) == 4 * CHECK_EVERY
    trained(tmp_path / "log", None, Checkpoint(checkpoint.folder, 10))
    whole, resumed = read(tmp_path / "whole"), read(tmp_path / "log")
    assert list(resumed["loss/codebook"]) == NOTED
    assert resumed["loss/codebook"] == whole["loss/codebook"]
    assert resumed["learning_rate"] == whole["learning_rate"]


def test_a_full_disk_ends_the_log_and_not_the_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill_up(disk, 0)
        assert trained(disk / "log").steps == PRESET.steps
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "no more event files" in line
