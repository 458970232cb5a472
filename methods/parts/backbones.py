"""Image encoders and decoders around a code grid, two sizes: "light" for two CPU cores and "taming" as in LG-VQ."""

from __future__ import annotations

import contextlib
import sys
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.errors import UsageError
from bench.presets import Preset

LIGHT_CHANNELS = (64, 128)
"""Channels at half the image's side, and at every coarser side."""
SMALL = 0.1
"""Factor on the light encoder's last layer at the start."""


class Backbone(nn.Module):
    """An encoder or a decoder.

    An encoder maps images [B, 3, S, S] in [-1, 1] to features [B, D, g, g], a decoder the reverse (not clamped).
    last: the layer that makes the output; the adaptive weight of an adversarial loss is taken at the decoder's.
    """

    def __init__(self, layers: nn.Module, last: nn.Conv2d) -> None:
        super().__init__()
        self.layers = layers
        self._last = [last]  # in a list, so that its weight is not registered twice

    @property
    def last_weight(self) -> Tensor:
        """Weight of the last convolution."""
        return self._last[0].weight

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def build_backbone(preset: Preset) -> tuple[Backbone, Backbone]:
    """An untrained encoder and decoder of the preset's kind, image size, grid and code width.

    Raises:
        UsageError: unknown kind, or a grid that halving the image does not reach.
    """
    halvings = (preset.image_size // preset.grid).bit_length() - 1
    if halvings < 1 or preset.grid << halvings != preset.image_size:
        raise UsageError(f"a grid of {preset.grid} cannot be reached by halving {preset.image_size} pixels")
    if preset.backbone not in BACKBONES:
        raise UsageError(f"unknown backbone {preset.backbone!r}; known: {', '.join(BACKBONES)}")
    return BACKBONES[preset.backbone](preset, halvings)


class Residual(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))), as in taming's network but without its dropout."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(channels // 16, channels) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, C, H, W] to maps of the same shape."""
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.silu(norm(y)))
        return x + y


class UnitScale(nn.Module):
    """Vectors at each position scaled to mean square 1: codes reach the decoder whatever the size they start at."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, D, h, w] to maps of the same shape."""
        return F.normalize(x.float(), dim=1) * x.shape[1] ** 0.5


def _light(preset: Preset, halvings: int) -> tuple[Backbone, Backbone]:
    channels = [LIGHT_CHANNELS[min(level, 1)] for level in range(halvings)]
    into = nn.Conv2d(channels[-1], preset.width, 1)
    with torch.no_grad():  # features start near a small uniform codebook, so that more of it is found
        into.weight.mul_(SMALL)
        nn.init.zeros_(into.bias)  # type: ignore[arg-type]  # it has one
    down: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, channels[0], 3, padding=1), Residual(channels[0])]
    up: list[nn.Module] = []
    for fine, coarse in pairwise(channels):
        down += [nn.Conv2d(fine, coarse, 4, stride=2, padding=1), Residual(coarse)]
        up = [Residual(coarse), nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2), *up]
    out = nn.Conv2d(channels[0], 12, 3, padding=1)
    end = channels[-1]
    encoder = nn.Sequential(*down, nn.GroupNorm(end // 16, end), nn.SiLU(), into)
    decoder = nn.Sequential(
        UnitScale(),
        nn.Conv2d(preset.width, end, 3, padding=1),
        *up,
        Residual(channels[0]),
        nn.SiLU(),
        out,
        nn.PixelShuffle(2),
    )
    return Backbone(encoder, into), Backbone(decoder, out)


def _taming(preset: Preset, halvings: int) -> tuple[Backbone, Backbone]:
    """The network of VQ-GAN and LG-VQ at 256 px: 128 channels, multipliers 1, 1, 2, 2, 4, attention at 16."""
    from taming.modules.diffusionmodules import model  # only this backbone needs the package

    sizes = {
        "ch": 128,
        "out_ch": 3,
        "ch_mult": (1, 1, 2, 2, 4)[: halvings + 1],
        "num_res_blocks": 2,
        "attn_resolutions": [16],
        "dropout": 0.0,
        "in_channels": 3,
        "resolution": preset.image_size,
        "z_channels": 256,
    }
    with contextlib.redirect_stdout(sys.stderr):  # the package prints; stdout belongs to our own output
        encoder, decoder = model.Encoder(**sizes, double_z=False), model.Decoder(**sizes)
    into, back = nn.Conv2d(256, preset.width, 1), nn.Conv2d(preset.width, 256, 1)
    return Backbone(nn.Sequential(encoder, into), into), Backbone(nn.Sequential(back, decoder), decoder.conv_out)


BACKBONES = {"light": _light, "taming": _taming}
