"""Emu3's tokenizer, run by transformers' `Emu3VQVAE`: made for video, an image is four equal frames (2409.18869)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor
from typing_extensions import override

from bench.errors import DataError
from bench.methods.parts.released.config import Channels, Factors, Few, validated
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, outline
from bench.system.torchvision_ops import make_importable


class VqConfig(BaseModel):
    """The `vq_config` of Emu3's `config.json`, with transformers' defaults."""

    model_config = ConfigDict(extra="ignore")

    codebook_size: PositiveInt = 32768
    embed_dim: PositiveInt = 4
    latent_channels: PositiveInt = 4
    double_latent: Literal[False] = False
    in_channels: Literal[3] = 3
    out_channels: Literal[3] = 3
    temporal_downsample_factor: Literal[1, 2, 4, 8] = 4
    base_channels: Channels = 256
    channel_multiplier: Factors = [1, 2, 2, 4]
    num_res_blocks: Few = 2
    attn_resolutions: list[int] = [3]
    hidden_size: PositiveInt = 1024
    num_attention_heads: PositiveInt = 1


class Emu3Tokenizer(ReleasedTokenizer):
    """`Emu3VQVAE` on single images, whose four frames it decodes to the first."""

    pixels_at_once: ClassVar[int] = 2**18  # of each frame, with twice the channels of others

    def __init__(self, config: VqConfig, sides: Sides) -> None:
        make_importable()
        from transformers.models.emu3.configuration_emu3 import Emu3VQVAEConfig
        from transformers.models.emu3.modeling_emu3 import Emu3VQVAE

        super().__init__(len(config.channel_multiplier) - 1, sides)
        self.model: Any = Emu3VQVAE(Emu3VQVAEConfig(**config.model_dump()))

    @property
    @override
    def codebook(self) -> Tensor:
        return self.model.quantize.embedding.weight

    @override
    def features(self, images: Tensor) -> Tensor:
        frames = images.unsqueeze(1).repeat(1, self.model.config.temporal_downsample_factor, 1, 1, 1)
        return self.model.quant_conv(self.model.encoder(frames).transpose(1, 2)).squeeze(2)

    @override
    def draw(self, codes: Tensor) -> Tensor:
        one = codes.unsqueeze(2)  # [B, D, 1, h, w]
        after = self.model.post_quant_conv(one).transpose(1, 2)
        frames = self.model.decoder(after, one.transpose(1, 2))  # [B*T, 3, H, W]
        return frames.unflatten(0, (len(codes), -1))[:, 0]


def build(source: Source, sides: Sides) -> Emu3Tokenizer:
    """The tokenizer of a `config.json` and weights.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    config = validated(VqConfig, source.values, source.config)
    if config.embed_dim != config.latent_channels:  # its decoder joins codes with what comes of them
        raise DataError(f"{source.config}: embed_dim and latent_channels of Emu3 are one number")
    channels = [config.base_channels * factor for factor in config.channel_multiplier]
    attending = {channels[level] for level in config.attn_resolutions if 0 <= level < len(channels)} | {channels[-1]}
    if attending != {config.hidden_size}:
        raise DataError(f"{source.config}: levels that attend have {config.hidden_size} channels, the hidden_size")
    with outline():
        tokenizer = Emu3Tokenizer(config, sides)
    return fill(tokenizer, {f"model.{name}": value for name, value in source.state.items()}, source.weights)
