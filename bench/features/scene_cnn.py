"""scene-cnn: a small convolutional network for drawn scenes of 32 pixels, trained by `scripts/train_scene_cnn.py`.

Networks that know photographs see little but the decoder's blur in images this small. This one has learnt, from the
training split of emoji-scenes alone, what stands where, the ground, and how an image has been damaged.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import DataError
from bench.features.extractor import resized
from bench.registry import extractors
from bench.system.files import sha256_of
from bench.system.fingerprint import of_value

WEIGHTS = Path(__file__).with_name("scene_cnn.safetensors")
SHA256 = "0af8fe97dbda4835d372887b8ea58770ca5ec9f03899b703d64cf230a4768cd9"
SIDE = 32
WIDTH = 96
"""Of the features."""
SCALE = 6.109
"""Root mean square of the features of validation images, by which they are divided: kernels expect about 1."""
PREPROCESSING = (
    f"bicubic with antialiasing to {SIDE} px, x / 127.5 - 1; mean over positions of the last block, over {SCALE}"
)


class SceneNetwork(nn.Module):
    """Images [B, 3, 32, 32] in [-1, 1] to a map of features [B, 96, 8, 8]: residual blocks without normalisation.

    Normalisation over an image would hide by how much its contrast differs from that of others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.blocks = nn.ModuleList([Block(24, 48), Block(48, WIDTH)])

    def forward(self, images: Tensor) -> Tensor:
        """The map [B, 96, 8, 8]; not negative."""
        x = F.relu(self.stem(images))
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    """[B, inputs, S, S] to [B, outputs, S / 2, S / 2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.first = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Not negative."""
        x = F.relu(self.down(x))
        return F.relu(x + self.first(x))


@extractors.register("scene-cnn", largest=64)
class SceneCnn:
    """A small network trained on the training split of emoji-scenes: 96 features, averaged over positions."""

    name = "scene-cnn"

    def __init__(self, device: str = "cpu") -> None:
        actual = sha256_of(WEIGHTS) if WEIGHTS.is_file() else "that of no file"
        if actual != SHA256:
            raise DataError(
                f"{WEIGHTS.name} is missing or damaged: sha256 {actual[:12]}, expected {SHA256[:12]}; "
                "python scripts/train_scene_cnn.py makes it"
            )
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights' hash and of what is done to the pixels."""
        return of_value([SHA256, PREPROCESSING])

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, 96]."""
        scaled = resized(images, SIDE, self.device).div(127.5).sub(1)
        return self.network(scaled.contiguous(memory_format=torch.channels_last)).mean((2, 3)) / SCALE

    @functools.cached_property
    def network(self) -> SceneNetwork:
        """The network with its weights, to be evaluated."""
        with torch.random.fork_rng(devices=[]):  # a new network draws weights that are then replaced
            network = SceneNetwork()
        try:
            state = {name: weight.float() for name, weight in load_file(WEIGHTS).items()}
            network.load_state_dict(state, strict=True)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise DataError(f"{WEIGHTS.name} does not hold scene-cnn's weights: {error}") from error
        return network.eval().requires_grad_(False).to(self.device)
