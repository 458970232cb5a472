"""What plug-ins are tried on: a few images of a built-in data set, and codes made up for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.presets import PRESETS, Budget, Preset
from bench.registry import datasets

CPU = torch.device("cpu")
BUILT_IN = "emoji-scenes"
"""It comes with the installation and offers all that a data set can."""

LIMITS: Mapping[str, int] = {"train": 200, "validation": 16, "test": 16}
PRESET: Preset = dataclasses.replace(PRESETS["smoke"], limits=LIMITS, steps=3, batch_size=8, discriminator_start=1)
"""`smoke` with three steps of training, the last two of them with what starts late."""

BUDGET = Budget(steps=2, batch_size=8, learning_rate=1e-3, width=32, layers=1)
CODES = 12
GRID = 4
WIDTH = 6
LEVELS = 2
"""Of the made-up codes: K, side of the grid, D, and the number of residual levels."""


class Place(NamedTuple):
    """Where plug-ins are tried.

    scratch: a folder for all that is written. data_root: the user's folder with one folder for each data set that is
    read from files, if there is one.
    """

    scratch: Path
    data_root: Path | None = None


def make_dataset(name: str, root: Path | None = None) -> DataSet:
    """A data set at the size of preset `smoke` with few images; root: its folder, where it is read from files."""
    dataset: DataSet = datasets.get(name).load()(size=PRESET.image_size, limits=dict(LIMITS), root=root)
    return dataset


def splits_of(dataset: DataSet, folder: Path) -> dict[str, Split]:
    """Every split, prepared below a folder, which also holds what is computed from it."""
    derived = folder / "derived"
    return {name: dataclasses.replace(dataset.split(name, folder), cache=derived / name) for name in dataset.splits}


def several_answers(split: Split) -> Split:
    """The split with ten annotators' answers to each question, all the same where the data set has one alone."""
    questions = [
        dataclasses.replace(question, answers=question.answers or (question.answer,) * 10)
        for question in split.questions
    ]
    return dataclasses.replace(split, questions=questions)


def indices(split: Split, seed: int) -> Codes:
    """Random indices [N, h, w]; each of the 12 codes is a shade of grey."""
    return _codes(_draw(split, seed), _codebook(), _decode)


def residual_indices(split: Split, seed: int) -> Codes:
    """Random indices [N, h, w, L] of codes that add up; the first level is a shade of grey."""
    levels = torch.stack([_codebook() / 4**level for level in range(LEVELS)])  # [L, K, D]
    return _codes(_draw(split, seed, LEVELS), levels, lambda picked: _decode(picked[..., 0]))


def vectors(split: Split, seed: int) -> Codes:
    """Code vectors [N, h, w, D] without indices, as the control `identity` has them."""
    array = _codebook().numpy()[_draw(split, seed)]
    return _codes(array, torch.empty(0, WIDTH), lambda picked: _grey(picked[..., 0].tanh()), discrete=False)


def _codebook() -> Tensor:
    """[K, D], the same at each call."""
    return torch.randn(CODES, WIDTH, generator=torch.Generator().manual_seed(0))


def _draw(split: Split, seed: int, *levels: int) -> np.ndarray:
    """int32 [N, h, w], or [N, h, w, L]."""
    return np.random.default_rng(seed).integers(0, CODES, (len(split), GRID, GRID, *levels)).astype(np.int32)


def _codes(array: np.ndarray, codebook: Tensor, decode: Callable[[Tensor], Tensor], discrete: bool = True) -> Codes:
    array.flags.writeable = False  # codes of a cell are a file that is mapped for reading
    return Codes(array, codebook, discrete, decode)


def _decode(picked: Tensor) -> Tensor:
    """Indices [B, h, w] to images [B, 3, S, S]."""
    return _grey(picked.float() / CODES * 2 - 1)


def _grey(shades: Tensor) -> Tensor:
    """Shades in [-1, 1] [B, h, w] to images [B, 3, S, S]."""
    side = PRESET.image_size // GRID
    return shades[:, None].repeat_interleave(side, 2).repeat_interleave(side, 3).expand(-1, 3, -1, -1)
