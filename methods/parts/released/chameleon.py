"""Chameleon's tokenizer from a model of transformers: taming's network under other names of its sizes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, PositiveInt

from bench.errors import DataError
from bench.methods.parts.released.config import Channels, Factors, Few, validated
from bench.methods.parts.released.network import Sides, Source, fill, outline
from bench.methods.parts.released.taming import NetworkSizes, Parameters, TamingTokenizer


class VqConfig(BaseModel):
    """The `vq_config` of Chameleon's `config.json`, with transformers' defaults."""

    embed_dim: PositiveInt = 256
    num_embeddings: PositiveInt = 8192
    double_latent: Literal[False] = False
    latent_channels: PositiveInt = 256
    resolution: PositiveInt = 512
    in_channels: Literal[3] = 3
    base_channels: Channels = 128
    channel_multiplier: Factors = [1, 1, 2, 2, 4]
    num_res_blocks: Few = 2
    attn_resolutions: list[int] | None = None
    attn_type: Literal["vanilla"] = "vanilla"


def build(source: Source, sides: Sides) -> TamingTokenizer:
    """The tokenizer of a `config.json` and weights that have the decoder too.

    Raises:
        DataError: the files do not fit, or there is no decoder: transformers' Chameleon reads images and draws none.
        UsageError: the images do not fit.
    """
    config = validated(VqConfig, source.values, source.config)
    if not any(name.startswith("decoder.") for name in source.state):
        raise DataError(
            f"{source.weights}: Chameleon's encoder without its decoder, as transformers has it; give the vqgan.ckpt "
            f"and vqgan.yaml of Chameleon's own release"
        )
    sizes = NetworkSizes(
        ch=config.base_channels,
        ch_mult=config.channel_multiplier,
        num_res_blocks=config.num_res_blocks,
        attn_resolutions=config.attn_resolutions or [],
        resolution=config.resolution,
        z_channels=config.latent_channels,
        in_channels=3,
        out_ch=3,
        double_z=False,
    )
    parameters = Parameters(embed_dim=config.embed_dim, n_embed=config.num_embeddings, ddconfig=sizes)
    with outline():
        tokenizer = TamingTokenizer(parameters, sides)
    return fill(tokenizer, source.state, source.weights)
