"""Train scene-cnn, whose features distances, precision and recall are taken on, on emoji-scenes' training split alone.

    python scripts/train_scene_cnn.py [--steps 1500] [--cache runs/cache]

It learns what stands in each corner, the ground's colour and texture, and, of images that are damaged on purpose, how:
so its features tell objects apart and also see blur, noise and blocks. No picture of any method is among what it sees.
Writes bench/features/scene_cnn.safetensors and prints the hash and the scale to put into scene_cnn.py, and the accuracy
on validation.
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.data.emoji.art import NAMES
from bench.data.emoji.language import PLACES, Scene
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji_scenes import EmojiScenes, scenes
from bench.features.scene_cnn import WEIGHTS, WIDTH, SceneNetwork
from bench.images import to_float
from bench.system.files import sha256_of

CPU = torch.device("cpu")
RATE = 3e-3
BATCH = 64
DAMAGES = 4
"""Nothing, blur, noise, blocks."""


class Labels(NamedTuple):
    """kinds: int64 [N, 4], of each corner, with 32 for none. ground: int64 [N, 2], colour and texture."""

    kinds: Tensor
    ground: Tensor


class Heads(nn.Module):
    """What the features are trained for: answers of linear maps of them."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds = nn.Conv2d(WIDTH, len(NAMES) + 1, 4, stride=4)  # an answer for each corner
        self.color = nn.Linear(WIDTH, len(COLORS))
        self.texture = nn.Linear(WIDTH, len(TEXTURES))
        self.damage = nn.Linear(WIDTH, DAMAGES)


def labels_of(shown: list[Scene]) -> Labels:
    """Of the scenes of a split."""
    kinds = torch.full((len(shown), len(PLACES)), len(NAMES))
    for row, scene in enumerate(shown):
        kinds[row, list(scene.corners)] = torch.tensor(scene.kinds)
    colors, textures = list(COLORS), list(TEXTURES)
    return Labels(kinds, torch.tensor([(colors.index(s.color), textures.index(s.texture)) for s in shown]))


def damaged(images: Tensor, kind: Tensor, rng: torch.Generator) -> Tensor:
    """Images [B, 3, S, S], each damaged as `kind` [B] says: blurred, made noisy or blocky, by a random amount."""
    share = torch.rand(len(images), 1, 1, 1, generator=rng)
    smooth = images
    for _ in range(2):
        smooth = F.avg_pool2d(F.pad(smooth, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    noisy = images + (0.02 + 0.2 * share) * torch.randn(images.shape, generator=rng)
    blocky = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2)
    mixed = 0.3 + 0.7 * share  # how much of the blurred or blocky image is mixed in
    choices = [images, images.lerp(smooth, mixed), noisy, images.lerp(blocky, mixed)]
    for number, choice in enumerate(choices):
        images = torch.where((kind == number).view(-1, 1, 1, 1), choice, images)
    return images.clamp(-1, 1)


def answers(network: SceneNetwork, heads: Heads, images: Tensor) -> list[Tensor]:
    """Logits of the kinds [B, 33, 4], colour [B, 8], texture [B, 4] and damage [B, 4]."""
    seen = network(images)
    mean = seen.mean((2, 3))
    return [heads.kinds(seen).flatten(2), heads.color(mean), heads.texture(mean), heads.damage(mean)]


def main() -> None:
    """Train the network, save it and print its accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    data = EmojiScenes()
    training = data.split("train", arguments.cache)
    labels = labels_of(list(itertools.islice(scenes("train", data.seed), len(training))))
    torch.manual_seed(0)
    rows_of, rng = np.random.default_rng(0), torch.Generator().manual_seed(0)
    network, heads = SceneNetwork(), Heads()
    parameters = [*network.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.98), weight_decay=0.02)
    for step in range(arguments.steps):
        rows = rows_of.integers(0, len(training), BATCH)
        kind = torch.randint(0, DAMAGES, (BATCH,), generator=rng)
        images = damaged(to_float(training.images[rows], CPU), kind, rng)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / arguments.steps))
        with torch.autocast("cpu", torch.bfloat16):
            told = answers(network, heads, images.contiguous(memory_format=torch.channels_last))
        truth = [labels.kinds[rows], labels.ground[rows, 0], labels.ground[rows, 1], kind]
        loss = torch.stack([F.cross_entropy(a.float(), b) for a, b in zip(told, truth, strict=True)]).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 100 == 0 or step + 1 == arguments.steps:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    save_file({name: weight.half().contiguous() for name, weight in network.state_dict().items()}, WEIGHTS)
    print(f"sha256 {sha256_of(WEIGHTS)}")
    validation = data.split("validation", arguments.cache)
    shown = labels_of(list(itertools.islice(scenes("validation", data.seed), len(validation))))
    kind = torch.arange(len(validation)) % DAMAGES
    with torch.inference_mode():
        images = damaged(to_float(np.asarray(validation.images), CPU), kind, rng)
        seen = torch.cat(
            [network(some).mean((2, 3)) for some in to_float(np.asarray(validation.images), CPU).split(250)]
        )
        print(f"root mean square of the features {seen.square().mean().sqrt():.3f}")
        told = [
            torch.cat(part, 0) for part in zip(*(answers(network, heads, x) for x in images.split(250)), strict=True)
        ]
    truth = [shown.kinds, shown.ground[:, 0], shown.ground[:, 1], kind]
    for name, logits, right in zip(("corner", "colour", "texture", "damage"), told, truth, strict=True):
        print(f"validation, {name}: accuracy {(logits.argmax(1) == right).float().mean():.3f}")


if __name__ == "__main__":
    main()
