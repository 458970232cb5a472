"""LlamaGen's tokenizers VQ-8 and VQ-16: taming's blocks arranged anew, codes of length one (arXiv:2406.06525)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.errors import DataError
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, outline

USED = "quantize.codebook_used"
"""Codes of the last training batches: a counter that encodes nothing."""
GROUPS = 32
"""Of every normalisation."""


class Shape(NamedTuple):
    """The network, as the shapes of its weights tell it; no configuration comes with them.

    levels: channels of each level, first to last; images are halved between two.
    """

    first: int
    levels: list[int]
    blocks: int
    z_channels: int
    codes: int
    width: int


class Level(nn.Module):
    """Residual blocks of one level, each with attention after it at the coarsest, then a change of size if any."""

    def __init__(
        self, before: int, channels: int, count: int, attends: bool, change: Literal["downsample", "upsample"] | None
    ) -> None:
        from taming.modules.diffusionmodules.model import AttnBlock, Downsample, Upsample

        super().__init__()
        self.res = nn.ModuleList([_residual(channels if at else before, channels) for at in range(count)])
        self.attn = nn.ModuleList([AttnBlock(channels) for _ in range(count)] if attends else [])
        self.change = change
        if change:
            self.add_module(change, (Downsample if change == "downsample" else Upsample)(channels, with_conv=True))

    @override
    def forward(self, x: Tensor) -> Tensor:
        for at, residual in enumerate(self.res):
            x = residual(x, None)  # taming's take a time step, which there is none of
            x = self.attn[at](x) if self.attn else x
        return self.get_submodule(self.change)(x) if self.change else x


class Encoder(nn.Module):
    """From images to features before the last 1x1 convolution."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, shape.first, 3, padding=1)
        self.conv_blocks, before = nn.ModuleList(), shape.first
        for level, channels in enumerate(shape.levels):
            last = level == len(shape.levels) - 1
            self.conv_blocks.append(Level(before, channels, shape.blocks, last, None if last else "downsample"))
            before = channels
        self.mid = _middle(before)
        self.norm_out = nn.GroupNorm(GROUPS, before, eps=1e-6)
        self.conv_out = nn.Conv2d(before, shape.z_channels, 3, padding=1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.conv_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(_through(self.mid, x))))


class Decoder(nn.Module):
    """From features to images; its levels are numbered from the coarsest, the encoder's from the finest."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        before = shape.levels[-1]
        self.conv_in = nn.Conv2d(shape.z_channels, before, 3, padding=1)
        self.mid = _middle(before)
        self.conv_blocks = nn.ModuleList()
        for level, channels in reversed(list(enumerate(shape.levels))):
            first = level == len(shape.levels) - 1
            self.conv_blocks.append(Level(before, channels, shape.blocks + 1, first, "upsample" if level else None))
            before = channels
        self.norm_out = nn.GroupNorm(GROUPS, before, eps=1e-6)
        self.conv_out = nn.Conv2d(before, 3, 3, padding=1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = _through(self.mid, self.conv_in(x))
        for level in self.conv_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class LlamaGenTokenizer(ReleasedTokenizer):
    """`VQModel` of LlamaGen; its weights are named as in a checkpoint."""

    def __init__(self, shape: Shape, sides: Sides) -> None:
        super().__init__(len(shape.levels) - 1, sides)
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(shape.codes, shape.width)})
        self.quant_conv = nn.Conv2d(shape.z_channels, shape.width, 1)
        self.post_quant_conv = nn.Conv2d(shape.width, shape.z_channels, 1)

    @property
    @override
    def codebook(self) -> Tensor:
        return F.normalize(self.quantize.get_parameter("embedding.weight"), dim=1)

    @override
    def features(self, images: Tensor) -> Tensor:
        return self.quant_conv(self.encoder(images))

    @override
    def choose(self, rows: Tensor) -> Tensor:
        return nearest_codes(F.normalize(rows, dim=1), self.codebook)

    @override
    def draw(self, codes: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(codes))


def build(source: Source, sides: Sides) -> LlamaGenTokenizer:
    """The tokenizer of a checkpoint alone.

    Raises:
        DataError: the weights are not LlamaGen's. UsageError: the images do not fit.
    """
    state = {name: value for name, value in source.state.items() if name != USED}
    shape = shape_of(state)
    if shape is None:
        raise DataError(
            f"{source.weights}: not LlamaGen's weights, which alone tell their network; give the configuration of "
            f"others: --set pretrained.config=FILE"
        )
    with outline():
        tokenizer = LlamaGenTokenizer(shape, sides)
    return fill(tokenizer, state, source.weights)


def shape_of(state: Mapping[str, Tensor]) -> Shape | None:
    """What shapes say of the network, None where they are of another."""
    names = re.compile(r"encoder\.conv_blocks\.(\d+)\.res\.(\d+)\.conv1\.weight")
    convolutions = {(int(at[1]), int(at[2])): name for name in state if (at := names.fullmatch(name))}
    wanted = ("encoder.conv_in.weight", "encoder.conv_out.weight", "quantize.embedding.weight")
    if not convolutions or not all(name in state and state[name].ndim >= 2 for name in wanted):
        return None
    levels = 1 + max(level for level, _ in convolutions)
    blocks = 1 + max(block for _, block in convolutions)
    if any((level, 0) not in convolutions for level in range(levels)) or levels * blocks > len(convolutions):
        return None
    first, z_channels, codes = (len(state[name]) for name in wanted)
    channels = [len(state[convolutions[level, 0]]) for level in range(levels)]
    if any(not count or count % GROUPS for count in (first, *channels)):
        return None
    return Shape(first, channels, blocks, z_channels, codes, state[wanted[2]].shape[1])


def _residual(before: int, channels: int) -> Any:
    from taming.modules.diffusionmodules.model import ResnetBlock

    return ResnetBlock(in_channels=before, out_channels=channels, temb_channels=0, dropout=0.0)


def _middle(channels: int) -> nn.ModuleList:
    from taming.modules.diffusionmodules.model import AttnBlock

    return nn.ModuleList([_residual(channels, channels), AttnBlock(channels), _residual(channels, channels)])


def _through(middle: nn.ModuleList, x: Tensor) -> Tensor:
    first, attention, last = middle
    return last(attention(first(x, None)), None)
