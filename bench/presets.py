"""Sizes and budgets. Budgets are steps and examples, never seconds, so a slow machine gives the same values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

Positive: TypeAlias = Annotated[float, Field(gt=0)]
FromOne: TypeAlias = Annotated[int, Field(ge=1)]
FromZero: TypeAlias = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Budget:
    """What a network that is fitted on codes may spend. batch_size: images. width, layers: of its transformer."""

    steps: FromOne
    batch_size: FromOne
    learning_rate: Positive
    width: FromOne
    layers: FromZero


@dataclass(frozen=True)
class Preset:
    """Everything about size and budget that all methods share.

    backbone: "light" or "taming" (see `methods/parts/backbones.py`). grid: side of the code grid. codes: K. width: D.
    limits: the largest number of images per split. muon: Muon trains the kernels of convolutions, at so many times the
    learning rate; None: Adam trains all, as in the papers. precision: of trainings, see `bench.system.precision`.
    threads: of the CPU, for every training and head, since their number moves values (0.1 dB at `tiny`). head: of tasks
    that read codes; generator: of tasks that make them. average: decay of a moving average of the weights, which the
    trained tokenizer then has; None keeps those of the last step.
    """

    about: str
    image_size: FromOne
    limits: Mapping[str, int]
    backbone: str
    grid: FromOne
    codes: FromOne
    width: FromOne
    steps: FromOne
    batch_size: FromOne
    learning_rate: Positive
    schedule: Literal["constant", "cosine"]
    betas: tuple[float, float]
    discriminator_start: FromZero
    muon: Positive | None
    precision: Literal["auto", "bf16", "fp32"]
    threads: FromOne
    head: Budget
    generator: Budget
    average: Annotated[float, Field(gt=0, lt=1)] | None = None


PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        about="does it run: seconds per cell, numbers mean nothing",
        image_size=32,
        limits={"train": 512, "validation": 64, "test": 128},
        backbone="light",
        grid=8,
        codes=64,
        width=16,
        steps=60,
        batch_size=16,
        learning_rate=2e-3,
        schedule="cosine",
        betas=(0.9, 0.99),
        discriminator_start=30,
        muon=10,
        precision="auto",
        threads=1,
        head=Budget(steps=30, batch_size=32, learning_rate=1e-3, width=64, layers=1),
        generator=Budget(steps=30, batch_size=32, learning_rate=1e-3, width=64, layers=1),
    ),
    "tiny": Preset(
        about="real answers on two CPU cores: minutes per cell, 32 px",
        image_size=32,
        limits={"train": 24_000, "validation": 2_000, "test": 2_000},
        backbone="light",
        grid=8,
        codes=512,
        width=32,
        steps=1_000,
        batch_size=32,
        learning_rate=2e-3,
        schedule="cosine",
        betas=(0.9, 0.99),
        discriminator_start=500,
        muon=10,
        precision="auto",
        threads=1,
        head=Budget(steps=1_200, batch_size=32, learning_rate=1e-3, width=96, layers=2),
        generator=Budget(steps=1_600, batch_size=32, learning_rate=3e-3, width=128, layers=3),
    ),
    "photo": Preset(
        about="photographs on two CPU cores: six to ten minutes a tokenizer, 64 px",
        image_size=64,
        limits={"train": 24_000, "validation": 2_000, "test": 2_000},
        backbone="light",
        grid=16,
        codes=512,
        width=32,
        steps=1_000,
        batch_size=32,
        learning_rate=2e-3,
        schedule="cosine",
        betas=(0.9, 0.99),
        discriminator_start=500,
        muon=10,
        precision="auto",
        threads=2,
        head=Budget(steps=1_200, batch_size=32, learning_rate=1e-3, width=96, layers=2),
        generator=Budget(steps=1_600, batch_size=32, learning_rate=3e-3, width=128, layers=3),
    ),
    "small": Preset(
        about="one GPU, hours: 64 px",
        image_size=64,
        limits={"train": 100_000, "validation": 5_000, "test": 5_000},
        backbone="light",
        grid=16,
        codes=1_024,
        width=64,
        steps=30_000,
        batch_size=64,
        learning_rate=1e-3,
        schedule="cosine",
        betas=(0.9, 0.99),
        discriminator_start=15_000,
        muon=10,
        precision="auto",
        threads=4,
        head=Budget(steps=20_000, batch_size=128, learning_rate=5e-4, width=256, layers=4),
        generator=Budget(steps=60_000, batch_size=128, learning_rate=5e-4, width=512, layers=8),
    ),
    "paper": Preset(
        about="the setting of LG-VQ: taming's network at 256 px, batch 8, days on a GPU",
        image_size=256,
        limits={},
        backbone="taming",
        grid=16,
        codes=1_024,
        width=256,
        steps=500_000,
        batch_size=8,
        learning_rate=3.6e-5,  # base 4.5e-6 x batch 8, as released
        schedule="constant",
        betas=(0.5, 0.9),
        discriminator_start=10_000,
        muon=None,
        precision="fp32",
        threads=8,
        head=Budget(steps=100_000, batch_size=60, learning_rate=2e-4, width=512, layers=8),
        generator=Budget(steps=500_000, batch_size=24, learning_rate=2e-4, width=1_024, layers=16),
    ),
}
