"""taming-transformers' tokenizers, and those of latent-diffusion: `VQModel` and `GumbelVQ` (Esser et al. 2021)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, PositiveInt
from torch import Tensor, nn
from typing_extensions import override

from bench.errors import DataError
from bench.methods.parts.released.config import Channels, Factors, Few, validated
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, most_alike, outline, quiet

GUMBEL = "quantize.proj.weight"
"""A weight that taming's `GumbelVQ` has and its `VQModel` has not."""


class NetworkSizes(BaseModel):
    """The yaml's `ddconfig`: those arguments of taming's encoder and decoder that shape them."""

    ch: Channels
    ch_mult: Factors
    num_res_blocks: Few
    attn_resolutions: list[int]
    resolution: PositiveInt
    z_channels: PositiveInt
    in_channels: Literal[3]
    out_ch: Literal[3]
    double_z: Literal[False]
    resamp_with_conv: bool = True


class Parameters(BaseModel):
    """The yaml's `model.params`. embed_dim: width D of a code. n_embed: number K of codes. ddconfig: see there."""

    embed_dim: PositiveInt
    n_embed: PositiveInt
    ddconfig: NetworkSizes


class Model(BaseModel):
    """The yaml's `model`."""

    params: Parameters


class Config(BaseModel):
    """A yaml of taming's; what it says of the training is not read."""

    model: Model


class TamingTokenizer(ReleasedTokenizer):
    """taming's `VQModel` without its losses; its weights are named as in a checkpoint."""

    def __init__(self, parameters: Parameters, sides: Sides) -> None:
        from taming.modules.diffusionmodules import model  # not every method needs the package

        sizes = parameters.ddconfig
        super().__init__(len(sizes.ch_mult) - 1, sides)
        with quiet():
            self.encoder = model.Encoder(**sizes.model_dump(), dropout=0.0)
            self.decoder = model.Decoder(**sizes.model_dump(), dropout=0.0)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(parameters.n_embed, parameters.embed_dim)})
        self.quant_conv = nn.Conv2d(sizes.z_channels, parameters.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(parameters.embed_dim, sizes.z_channels, 1)

    @property
    @override
    def codebook(self) -> Tensor:
        return self.quantize.get_parameter("embedding.weight")

    @override
    def features(self, images: Tensor) -> Tensor:
        return self.quant_conv(self.encoder(images))

    @override
    def draw(self, codes: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(codes))


class GumbelTokenizer(TamingTokenizer):
    """taming's `GumbelVQ`: the code of the largest logit. taming draws one at random in evaluation too."""

    def __init__(self, parameters: Parameters, sides: Sides) -> None:
        super().__init__(parameters, sides)
        width, count = parameters.embed_dim, parameters.n_embed
        self.quantize = nn.ModuleDict(
            {"proj": nn.Conv2d(parameters.ddconfig.z_channels, count, 1), "embed": nn.Embedding(count, width)}
        )

    @property
    @override
    def codebook(self) -> Tensor:
        return self.quantize.get_parameter("embed.weight")

    @override
    def choose(self, rows: Tensor) -> Tensor:
        weight, bias = (self.quantize.get_parameter(f"proj.{name}") for name in ("weight", "bias"))
        return most_alike(rows, weight.flatten(1), bias)


def build(source: Source, sides: Sides) -> TamingTokenizer:
    """The tokenizer of a yaml and a checkpoint, `GumbelVQ` where the weights are its.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    parameters = validated(Config, source.values, source.config).model.params
    gumbel = GUMBEL in source.state
    if gumbel and parameters.embed_dim != parameters.ddconfig.z_channels:  # its logits are of either, as taming has it
        raise DataError(f"{source.config}: embed_dim and z_channels of GumbelVQ are one number")
    with outline():
        tokenizer = (GumbelTokenizer if gumbel else TamingTokenizer)(parameters, sides)
    return fill(tokenizer, source.state, source.weights)
