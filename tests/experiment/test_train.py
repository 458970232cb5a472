from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.contracts.data import Split
from bench.contracts.method import Batch, Tokenizer
from bench.errors import TrainingDiverged
from bench.experiment.encode import encode_split
from bench.experiment.train import _rate, train
from bench.images import to_float
from bench.presets import PRESETS

CPU = torch.device("cpu")
PRESET = dataclasses.replace(PRESETS["smoke"], steps=50, batch_size=7)


def silent(done: int, total: int, what: str) -> None:
    """Show no progress."""


class Watcher(Tokenizer):
    """Remembers every batch it is trained on."""

    grid = (1, 1)

    def __init__(self, loss: Callable[[int], float] = lambda step: 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.loss = loss
        self.seen: list[int] = []

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        self.seen += (batch.images[:, 0, 0, 0] * 127.5 + 127.5).round().int().tolist()
        return {"up": self.weight.sum() + self.loss(step), "_watched": self.weight.sum() * 1000}

    @property
    def codebook(self) -> Tensor:
        return torch.zeros(256, 1)

    def encode(self, images: Tensor) -> Tensor:
        return (images[:, 0, :1, :1] * 127.5 + 127.5).round().long()

    def decode(self, indices: Tensor) -> Tensor:
        return indices[:, None].expand(-1, 3, 4, 4) / 127.5 - 1


def numbered(count: int) -> Split:
    return Split("train", np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3))


def test_each_epoch_shows_every_image_once_in_an_order_of_the_seed_alone() -> None:
    def seen(seed: int) -> list[int]:
        watcher = Watcher()
        train(watcher, numbered(35), None, PRESET, seed, CPU, silent)
        return watcher.seen

    first = seen(3)
    assert len(first) == 50 * 7
    assert all(sorted(first[start : start + 35]) == list(range(35)) for start in range(0, 350, 35))
    assert first == seen(3)
    assert first != seen(4)


def test_watched_losses_are_kept_but_not_minimised() -> None:
    watcher = Watcher()
    constant = dataclasses.replace(PRESET, schedule="constant", learning_rate=1e-3)
    history = train(watcher, numbered(35), None, constant, 0, CPU, silent)
    assert watcher.weight.item() == pytest.approx(1 - 50 * 1e-3, abs=1e-3)  # Adam's step is the learning rate
    assert history.losses["_watched"][0] == pytest.approx(1000 * history.losses["up"][0], rel=1e-3)
    assert history.steps == 50
    assert len(history.losses["up"]) == 3
    assert history.parameters == 1


def test_a_loss_that_is_not_finite_stops_training_and_is_named() -> None:
    with pytest.raises(TrainingDiverged, match="loss 'up' is nan within steps 21 to 40"):
        train(Watcher(lambda step: float("nan") if step == 25 else 0), numbered(35), None, PRESET, 0, CPU, silent)


def test_images_per_second_are_those_that_were_seen_whatever_the_size_of_the_set() -> None:
    for count in (5, 200):
        watcher = Watcher()
        history = train(watcher, numbered(count), None, dataclasses.replace(PRESET, batch_size=16), 0, CPU, silent)
        assert len(watcher.seen) == 50 * 16  # a batch is full however few images there are
        assert history.images_per_s * history.seconds == pytest.approx(len(watcher.seen))


def test_averaged_weights_are_those_of_a_hand_written_average_and_buffers_are_the_last() -> None:
    class Tracked(Watcher):
        """Remembers its weight before each step."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("last", torch.zeros(()))
            self.weights: list[float] = []

        def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
            self.weights.append(self.weight.item())
            self.last.fill_(step)
            return {"up": self.weight.sum()}

    plain = Tracked()
    train(plain, numbered(35), None, PRESET, 0, CPU, silent)
    after = [*plain.weights[1:], plain.weight.item()]
    expected = after[0]
    for weight in after[1:]:
        expected = 0.8 * expected + 0.2 * weight
    averaged = Tracked()
    train(averaged, numbered(35), None, dataclasses.replace(PRESET, average=0.8), 0, CPU, silent)
    assert averaged.weights == plain.weights
    assert averaged.weight.item() == pytest.approx(expected, abs=1e-6)
    assert averaged.weight.item() != pytest.approx(plain.weight.item(), abs=1e-6)
    assert averaged.last.item() == 49


def test_the_cosine_schedule_warms_up_and_ends_at_zero() -> None:
    rates = [_rate(PRESETS["tiny"], step) for step in range(PRESETS["tiny"].steps)]
    assert rates[0] < 0.05
    assert max(rates) > 0.99
    assert rates[-1] < 1e-5
    assert _rate(PRESETS["paper"], 7) == 1


def test_pixels_map_to_minus_one_and_one() -> None:
    images = to_float(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1).repeat(3, 3), CPU)
    assert images.shape == (2, 3, 1, 1)
    assert images[:, 0, 0, 0].tolist() == [-1, 1]


def test_codes_are_made_once_and_an_interrupted_split_is_never_taken_for_whole(tmp_path: Path) -> None:
    split = numbered(200)
    tokenizer = Watcher()

    def stop(done: int, total: int, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_split(tokenizer, split, tmp_path, CPU, stop)
    assert not list(tmp_path.iterdir())
    codes = encode_split(tokenizer, split, tmp_path, CPU, silent)
    assert codes.array[:, 0, 0].tolist() == list(range(200))
    again = encode_split(tokenizer, split, tmp_path, CPU, stop)
    assert np.array_equal(again.array, codes.array)
    assert torch.equal(again.decode(again.rows(np.array([5]), CPU)), to_float(split.images[5:6], CPU))
