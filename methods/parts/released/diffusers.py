"""diffusers' `VQModel`, read by the package itself: vq-diffusion, latent-diffusion, MoVQ of Kandinsky, aMUSEd."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor
from typing_extensions import override

from bench.errors import DataError
from bench.methods.parts.released.config import Few, validated
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source, fill, outline
from bench.system.torchvision_ops import make_importable

OLDER = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Names of an attention's weights in files of diffusers before 0.17, and today's."""


class Config(BaseModel):
    """A `config.json`: those of the arguments of `VQModel` that shape it, with the package's own defaults."""

    model_config = ConfigDict(extra="ignore")

    in_channels: Literal[3] = 3
    out_channels: Literal[3] = 3
    down_block_types: list[Literal["DownEncoderBlock2D", "AttnDownEncoderBlock2D"]] = ["DownEncoderBlock2D"]
    up_block_types: list[Literal["UpDecoderBlock2D", "AttnUpDecoderBlock2D"]] = ["UpDecoderBlock2D"]
    block_out_channels: Annotated[list[PositiveInt], Field(min_length=1, max_length=16)] = [64]
    layers_per_block: Few = 1
    act_fn: Literal["silu", "swish", "mish", "gelu", "relu"] = "silu"
    latent_channels: PositiveInt = 3
    num_vq_embeddings: PositiveInt = 256
    norm_num_groups: PositiveInt = 32
    vq_embed_dim: PositiveInt | None = None
    norm_type: Literal["group", "spatial"] = "group"
    mid_block_add_attention: bool = True
    lookup_from_codebook: bool = False


class DiffusersTokenizer(ReleasedTokenizer):
    """`VQModel` of diffusers. With `norm_type="spatial"` (MoVQ) the decoder's normalisations see the codes too.

    `lookup_from_codebook` is aMUSEd's: of the package's pipelines only its give images to the network from 0 to 1.
    """

    def __init__(self, config: Config, sides: Sides) -> None:
        make_importable()
        from diffusers.models.autoencoders.vq_model import VQModel

        super().__init__(len(config.block_out_channels) - 1, sides)
        self.model: Any = VQModel(**config.model_dump())
        self.from_zero = config.lookup_from_codebook
        self.spatial = config.norm_type == "spatial"

    @property
    @override
    def codebook(self) -> Tensor:
        return self.model.quantize.embedding.weight

    @override
    def features(self, images: Tensor) -> Tensor:
        return self.model.encode((images + 1) / 2 if self.from_zero else images).latents

    @override
    def draw(self, codes: Tensor) -> Tensor:
        # not the package's `decode`: it would choose codes again for codes
        images = self.model.decoder(self.model.post_quant_conv(codes), codes if self.spatial else None)
        return images * 2 - 1 if self.from_zero else images


def build(source: Source, sides: Sides) -> DiffusersTokenizer:
    """The tokenizer of a `config.json` and a `diffusion_pytorch_model.safetensors`.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    config = validated(Config, source.values, source.config)
    levels = len(config.block_out_channels)
    if len(config.down_block_types) != levels or len(config.up_block_types) != levels:
        raise DataError(
            f"{source.config}: {levels} block_out_channels want as many down_block_types and up_block_types"
        )
    if any(channels % config.norm_num_groups for channels in config.block_out_channels):
        raise DataError(f"{source.config}: block_out_channels are no multiples of norm_num_groups")
    if config.norm_type == "spatial" and (config.vq_embed_dim or config.latent_channels) != config.latent_channels:
        raise DataError(f"{source.config}: with norm_type spatial, vq_embed_dim and latent_channels are one number")
    with outline():
        tokenizer = DiffusersTokenizer(config, sides)
    return fill(tokenizer, {f"model.{_renamed(name)}": value for name, value in source.state.items()}, source.weights)


def _renamed(name: str) -> str:
    for old, new in OLDER.items():
        if ".attentions." in name:
            name = name.replace(old, new)
    return name
