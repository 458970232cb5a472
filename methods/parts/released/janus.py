"""Janus' tokenizer, run by transformers' `JanusVQVAE`: LlamaGen's VQ-16 in other weights (arXiv:2410.13848)."""

from __future__ import annotations

from typing import Any, Literal

import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor
from typing_extensions import override

from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.released.config import Channels, Factors, Few, validated
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, outline
from bench.system.torchvision_ops import make_importable


class VqConfig(BaseModel):
    """The `vq_config` of Janus' `config.json`, with transformers' defaults."""

    model_config = ConfigDict(extra="ignore")

    embed_dim: PositiveInt = 8
    num_embeddings: PositiveInt = 16384
    double_latent: Literal[False] = False
    latent_channels: PositiveInt = 256
    in_channels: Literal[3] = 3
    out_channels: Literal[3] = 3
    base_channels: Channels = 128
    channel_multiplier: Factors = [1, 1, 2, 2, 4]
    num_res_blocks: Few = 2


class JanusTokenizer(ReleasedTokenizer):
    """`JanusVQVAE`, whose codes are chosen by cosine, as Janus' own code chooses them.

    transformers' class takes the nearest code without making lengths one, though it makes codes of length one when it
    decodes; the two agree where the stored codes have length one.
    """

    def __init__(self, config: VqConfig, sides: Sides) -> None:
        make_importable()
        from transformers.models.janus.configuration_janus import JanusVQVAEConfig
        from transformers.models.janus.modeling_janus import JanusVQVAE

        super().__init__(len(config.channel_multiplier) - 1, sides)
        self.model: Any = JanusVQVAE(JanusVQVAEConfig(**config.model_dump()))

    @property
    @override
    def codebook(self) -> Tensor:
        return F.normalize(self.model.quantize.embedding.weight, dim=1)

    @override
    def features(self, images: Tensor) -> Tensor:
        return self.model.quant_conv(self.model.encoder(images))

    @override
    def choose(self, rows: Tensor) -> Tensor:
        return nearest_codes(F.normalize(rows, dim=1), self.codebook)

    @override
    def draw(self, codes: Tensor) -> Tensor:
        return self.model.decoder(self.model.post_quant_conv(codes))


def build(source: Source, sides: Sides) -> JanusTokenizer:
    """The tokenizer of a `config.json` and weights.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    config = validated(VqConfig, source.values, source.config)
    with outline():
        tokenizer = JanusTokenizer(config, sides)
    return fill(tokenizer, {f"model.{name}": value for name, value in source.state.items()}, source.weights)
