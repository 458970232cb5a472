"""The choices that all methods share at preset tiny, compared on the validation split of emoji-scenes.

    python scripts/choose_on_validation.py [--only PART_OF_NAME] [--cache runs/cache]

One line a candidate: mean PSNR, Fréchet distance on tiny-clip features, share of codes used. Each takes one training,
three to six minutes on one core. Test data play no part. What is used is the first candidate of each group.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from bench.contracts.data import Split
from bench.data.emoji_scenes import EmojiScenes
from bench.experiment.train import train
from bench.features.extractor import load_extractor
from bench.images import to_float, to_uint8
from bench.methods import random_codebook
from bench.methods.parts import adversarial, backbones
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.metrics import distance, image
from bench.presets import PRESETS
from bench.registry import methods

CPU = torch.device("cpu")
TINY = PRESETS["tiny"]
BATCH = 250
Change = Callable[[], AbstractContextManager[Any]]


class FrozenNormal(VectorQuantizer):
    """Codes drawn from a standard normal, features as they are."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__(codes, width)
        self.codebook.requires_grad_(False).copy_(torch.randn(codes, width))


def recipe(rate: float, weight: float) -> Change:
    """Another learning rate and weight of the light network's discriminator."""
    changed = adversarial.RECIPES["light"]._replace(rate=rate, weight=weight)
    return lambda: patch.dict(adversarial.RECIPES, {"light": changed})


def start_at_one() -> AbstractContextManager[Any]:
    """The light encoder's last layer keeps its usual scale."""
    return patch.object(backbones, "SMALL", 1)


def input_as_it_is() -> AbstractContextManager[Any]:
    """The light decoder does not scale its input."""
    return patch.object(backbones, "UnitScale", nn.Identity)


def standard_normal() -> AbstractContextManager[Any]:
    """The control quantizes features as they are."""
    return patch.object(random_codebook, "FrozenDirections", FrozenNormal)


def preset(**changes: Any) -> Change:
    """Other values of the preset."""
    return lambda: patch.dict(globals(), TINY=dataclasses.replace(TINY, **changes))


ADAM: dict[str, Any] = {"muon": None}
LONGER: dict[str, Any] = {"steps": 1_500, "discriminator_start": 750}

CANDIDATES: dict[str, tuple[str, list[Change]]] = {
    "network: decoder input of unit scale, encoder starts at 0.1": ("vqvae", []),
    "network: decoder input of unit scale, encoder starts at 1": ("vqvae", [start_at_one]),
    "network: decoder input as it is, encoder starts at 0.1": ("vqvae", [input_as_it_is]),
    "network: decoder input as it is, encoder starts at 1": ("vqvae", [input_as_it_is, start_at_one]),
    "discriminator: rate 0.1, weight 0.2": ("vqgan", []),
    "discriminator: rate 0.1, weight 0.8": ("vqgan", [recipe(0.1, 0.8)]),
    "discriminator: rate 1, weight 0.2": ("vqgan", [recipe(1.0, 0.2)]),
    "discriminator: rate 1, weight 0.8, as released": ("vqgan", [recipe(1.0, 0.8)]),
    "optimizer: Muon for convolutions, 1,000 steps": ("vqgan", []),
    "optimizer: Muon for convolutions, 1,500 steps": ("vqgan", [preset(**LONGER)]),
    "optimizer: Muon for convolutions, 1,500 steps, identity": ("identity", [preset(**LONGER)]),
    "optimizer: Adam, 1,000 steps": ("vqgan", [preset(**ADAM)]),
    "optimizer: Adam, 1,500 steps": ("vqgan", [preset(**ADAM, **LONGER)]),
    "optimizer: Adam, 1,500 steps, identity": ("identity", [preset(**ADAM, **LONGER)]),
    "random-codebook: directions": ("random-codebook", []),
    "random-codebook: standard normal": ("random-codebook", [standard_normal]),
}


@contextlib.contextmanager
def changed(changes: list[Change]) -> Iterator[None]:
    """The project with some of its constants replaced."""
    with contextlib.ExitStack() as stack:
        for change in changes:
            stack.enter_context(change())
        yield


def score(method: str, splits: dict[str, Split]) -> str:
    """Train with seed 0 and measure on validation."""
    entry = methods.get(method)
    torch.manual_seed(0)
    tokenizer = entry.load()(**entry.facts.arguments).build(TINY, "emoji-scenes", None)
    train(tokenizer, splits["train"], None, TINY, 0, CPU, lambda *_: None)
    truth, decoded, used = splits["validation"].images, [], set()
    with torch.inference_mode():
        for start in range(0, len(truth), BATCH):
            codes = tokenizer.encode(to_float(truth[start : start + BATCH], CPU))
            used |= set(codes.flatten().tolist()) if tokenizer.discrete else set()
            decoded.append(to_uint8(tokenizer.decode(codes)))
    images, original = np.concatenate(decoded), np.asarray(truth)
    extractor = load_extractor("tinyclip", "cpu")
    real, fake = (distance.statistics([extractor.features(pixels)]) for pixels in (original, images))
    psnr = image.psnr(images, original).mean()
    return f"| {psnr:.2f} | {distance.frechet_distance(real, fake):.3f} | {len(used) / TINY.codes:.3f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    data = EmojiScenes(size=TINY.image_size, limits=dict(TINY.limits))
    splits = {name: data.split(name, arguments.cache) for name in ("train", "validation")}
    print("| candidate | validation PSNR (dB) | fd_tinyclip | usage |\n|---|--:|--:|--:|")
    for name, (method, changes) in CANDIDATES.items():
        if arguments.only in name:
            with changed(changes):
                print(f"| {name} {score(method, splits)}", flush=True)


if __name__ == "__main__":
    main()
