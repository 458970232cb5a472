"""Open-MAGVIT2 of SEED-Voken: codes are signs, no attention, codes steer the decoder (Luo et al. 2024, 2409.04410)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field
from torch import Tensor, nn
from typing_extensions import override

from bench.errors import DataError
from bench.methods.parts.released.config import Channels, Factors, Few, validated
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, outline

GROUPS, EPSILON = 32, 1e-6
"""Of every normalisation."""


class NetworkSizes(BaseModel):
    """The yaml's `ddconfig`."""

    ch: Channels
    ch_mult: Factors
    num_res_blocks: Few
    z_channels: Annotated[int, Field(ge=1, le=24)]
    in_channels: Literal[3]
    out_ch: Literal[3]
    double_z: Literal[False] = False


class Parameters(BaseModel):
    """The yaml's `model.init_args`. embed_dim: signs of a code. n_embed: number K of codes, 2 to the embed_dim."""

    embed_dim: int
    n_embed: int
    ddconfig: NetworkSizes


class Model(BaseModel):
    """The yaml's `model`."""

    init_args: Parameters


class Config(BaseModel):
    """A yaml of Open-MAGVIT2's."""

    model: Model


class Residual(nn.Module):
    """Two normalised convolutions beside what goes in."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, before, eps=EPSILON)
        self.norm2 = nn.GroupNorm(GROUPS, channels, eps=EPSILON)
        self.conv1 = nn.Conv2d(before, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.nin_shortcut = nn.Conv2d(before, channels, 1, bias=False) if before != channels else nn.Identity()

    @override
    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x)))
        return self.conv2(F.silu(self.norm2(inner))) + self.nin_shortcut(x)


class Doubling(nn.Module):
    """Twice the side: each position's channels become a square of four pixels, the square's place the slower index."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        # pixel_shuffle has the place as the faster index of a channel
        four = self.conv1(x).unflatten(1, (4, -1)).transpose(1, 2).flatten(1, 2)
        return F.pixel_shuffle(four, 2)


class Steered(nn.Module):
    """A normalisation whose scale and shift come from the spread and mean of an image's codes."""

    def __init__(self, signs: int, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(GROUPS, channels, eps=EPSILON, affine=False)
        self.gamma, self.beta = nn.Linear(signs, channels), nn.Linear(signs, channels)

    @override
    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        places = codes.flatten(2)  # [B, D, h*w]
        scale = self.gamma((places.var(2) + EPSILON).sqrt())
        return self.gn(x) * scale[..., None, None] + self.beta(places.mean(2))[..., None, None]


class Encoder(nn.Module):
    """From images to what has signs, [B, D, h, w]."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, sizes.ch, 3, padding=1, bias=False)
        self.down, before = nn.ModuleList(), sizes.ch
        for level, factor in enumerate(sizes.ch_mult):
            channels = sizes.ch * factor
            down: dict[str, nn.Module] = {"block": _residuals(before, channels, sizes.num_res_blocks)}
            if level < len(sizes.ch_mult) - 1:
                down["downsample"] = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
            self.down.append(nn.Sequential(OrderedDict(down)))
            before = channels
        self.mid_block = _residuals(before, before, sizes.num_res_blocks)
        self.norm_out = nn.GroupNorm(GROUPS, before, eps=EPSILON)
        self.conv_out = nn.Conv2d(before, sizes.z_channels, 1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for down in self.down:
            x = down(x)
        return self.conv_out(F.silu(self.norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    """From codes [B, D, h, w] to images; levels are numbered from the finest, as in the encoder."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        before = sizes.ch * sizes.ch_mult[-1]
        self.conv_in = nn.Conv2d(sizes.z_channels, before, 3, padding=1)
        self.mid_block = _residuals(before, before, sizes.num_res_blocks)
        self.up, self.adaptive = nn.ModuleList(), nn.ModuleList()
        for level, factor in reversed(list(enumerate(sizes.ch_mult))):
            channels = sizes.ch * factor
            self.adaptive.insert(0, Steered(sizes.z_channels, before))
            up: dict[str, nn.Module] = {"block": _residuals(before, channels, sizes.num_res_blocks)}
            if level:
                up["upsample"] = Doubling(channels)
            self.up.insert(0, nn.Sequential(OrderedDict(up)))
            before = channels
        self.norm_out = nn.GroupNorm(GROUPS, before, eps=EPSILON)
        self.conv_out = nn.Conv2d(before, 3, 3, padding=1)

    @override
    def forward(self, codes: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(codes))
        for up, steered in reversed(list(zip(self.up, self.adaptive, strict=True))):
            x = up(steered(x, codes))
        return self.conv_out(F.silu(self.norm_out(x)))


class Magvit2Tokenizer(ReleasedTokenizer):
    """`VQModel` of Open-MAGVIT2. Sign i of a code, +1 above 0, is bit i of its index."""

    def __init__(self, sizes: NetworkSizes, sides: Sides) -> None:
        super().__init__(len(sizes.ch_mult) - 1, sides, least=2)  # one code has no spread
        self.encoder, self.decoder = Encoder(sizes), Decoder(sizes)
        self.signs = sizes.z_channels

    @property
    @override
    def codebook(self) -> Tensor:
        return self.vectors(torch.arange(2**self.signs, device=self.decoder.conv_in.weight.device))

    @property
    @override
    def fixed_codebook(self) -> bool:
        return True

    @override
    def features(self, images: Tensor) -> Tensor:
        return self.encoder(images)

    @override
    def choose(self, rows: Tensor) -> Tensor:
        return ((rows > 0) << torch.arange(self.signs, device=rows.device)).sum(1)

    @override
    def vectors(self, indices: Tensor) -> Tensor:
        bits = indices[..., None] >> torch.arange(self.signs, device=indices.device) & 1
        return bits * 2.0 - 1.0

    @override
    def draw(self, codes: Tensor) -> Tensor:
        return self.decoder(codes)


def build(source: Source, sides: Sides) -> Magvit2Tokenizer:
    """The tokenizer of a yaml and a checkpoint.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    parameters = validated(Config, source.values, source.config).model.init_args
    signs = parameters.ddconfig.z_channels
    if parameters.embed_dim != signs or parameters.n_embed != 2**signs:
        raise DataError(
            f"{source.config}: {signs} z_channels are {signs} signs, so embed_dim is {signs} and n_embed {2**signs}"
        )
    with outline():
        tokenizer = Magvit2Tokenizer(parameters.ddconfig, sides)
    return fill(tokenizer, source.state, source.weights)


def _residuals(before: int, channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(channels if at else before, channels) for at in range(count)])
