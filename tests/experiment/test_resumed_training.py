"""A training that was interrupted and taken up ends as one that was not, bit for bit, for every registered method."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers.small_text import SmallText
from torch import Tensor

from bench.contracts.data import Split
from bench.contracts.method import Batch, Method, Tokenizer
from bench.experiment.history import History
from bench.experiment.train import train
from bench.presets import PRESETS
from bench.registry import methods
from bench.system.checkpoint import Checkpoint
from bench.text.caption_features import CaptionFeatures

CPU = torch.device("cpu")
PRESET = dataclasses.replace(PRESETS["smoke"], steps=6, batch_size=4, discriminator_start=1, average=0.9)
TEXT = SmallText()
STOPS = np.random.default_rng()


class Trained(NamedTuple):
    """What a training leaves. attributes: of the tokenizer and all modules in it, beside their parameters."""

    tensors: dict[str, Tensor]
    attributes: dict[str, object]
    history: History


@pytest.fixture(scope="module")
def split() -> Split:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (10, 4, 4, 3)).astype(np.uint8)
    captions = [[f"{rng.choice(['red', 'blue'])} cat", "big dog w1", "w3"] for _ in range(10)]
    return Split("train", coarse.repeat(8, 1).repeat(8, 2), captions, flip=True)


@pytest.fixture(scope="module")
def features(split: Split, tmp_path_factory: pytest.TempPathFactory) -> CaptionFeatures:
    return CaptionFeatures.prepare(split, TEXT, tmp_path_factory.mktemp("text") / "features")


def method_of(name: str) -> Method:
    entry = methods.get(name)
    method: Method = entry.load()(**entry.facts.arguments)
    if missing := method.missing():
        pytest.skip(f"{name}: {missing}")
    return method


def build(name: str, seed: int) -> Tokenizer:
    method = method_of(name)
    torch.manual_seed(seed)
    return method.build(PRESET, "emoji-scenes", TEXT if method.needs_text else None)


def run(
    tokenizer: Tokenizer, split: Split, features: CaptionFeatures | None, checkpoint: Checkpoint | None = None
) -> Trained:
    history = train(tokenizer, split, features, PRESET, 5, CPU, lambda *_: None, checkpoint)
    attributes: dict[str, object] = {
        f"{place}.{name}": value
        for place, module in tokenizer.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, (int, float, str, tuple, Tensor)) or value is None
    }
    loose = {name: value for name, value in attributes.items() if isinstance(value, Tensor)}
    tensors = {**dict(tokenizer.named_parameters()), **dict(tokenizer.named_buffers()), **loose}
    tensors = {name: tensor.detach().to_dense() for name, tensor in tensors.items()}
    return Trained(tensors, {name: attributes[name] for name in attributes.keys() - loose.keys()}, history)


def interrupt(tokenizer: Tokenizer, step: int) -> None:
    """Ctrl-C in the middle of a step."""
    losses = tokenizer.losses

    def interrupted(batch: Batch, now: int) -> dict[str, Tensor]:
        if now == step:
            signal.raise_signal(signal.SIGINT)
        return losses(batch, now)

    tokenizer.losses = interrupted  # type: ignore[method-assign]


@pytest.mark.parametrize("name", methods.names())
def test_every_method_goes_on_as_if_it_had_not_been_interrupted(
    name: str, split: Split, features: CaptionFeatures, tmp_path: Path
) -> None:
    first = build(name, 0)
    if not any(parameter.requires_grad for parameter in first.parameters()):
        pytest.skip(f"{name} is not trained")
    text = features if method_of(name).needs_text else None
    undisturbed = run(first, split, text)

    checkpoint = Checkpoint(tmp_path / "checkpoint", minutes=1e9)
    stopped, at = build(name, 0), int(STOPS.integers(PRESET.steps))
    interrupt(stopped, at)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, split, text, checkpoint)
    resumed = run(build(name, 1), split, text, checkpoint)

    assert resumed.history.losses == undisturbed.history.losses, at
    assert resumed.history.codebook_change == undisturbed.history.codebook_change, at
    assert resumed.attributes == undisturbed.attributes
    assert resumed.tensors.keys() == undisturbed.tensors.keys()
    assert [key for key, value in undisturbed.tensors.items() if not torch.equal(value, resumed.tensors[key])] == [], at
