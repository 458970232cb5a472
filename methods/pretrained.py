"""A released tokenizer, read from taming's own files."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.codes import lookup
from bench.contracts.method import Batch, Method, TextEncoder, Tokenizer
from bench.errors import DataError, UsageError
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.taming_files import Parameters, find_mismatch, read_config, read_weights
from bench.methods.parts.vector_quantizer import to_rows
from bench.presets import Preset
from bench.registry import methods
from bench.system.files import sha256_of


class TamingTokenizer(Tokenizer):
    """taming's `VQModel` without its losses; its weights are named as in a checkpoint.

    Raises:
        UsageError: images of this size cannot be halved as often as the encoder does.
    """

    def __init__(self, parameters: Parameters, image_size: int) -> None:
        super().__init__()
        from taming.modules.diffusionmodules import model  # not every method needs the package

        sizes = parameters.ddconfig
        halvings = len(sizes.ch_mult) - 1
        side = image_size >> halvings
        if side == 0 or side << halvings != image_size:
            raise UsageError(f"this tokenizer halves images {halvings} times, which {image_size} pixels do not allow")
        self.grid = (side, side)
        with contextlib.redirect_stdout(sys.stderr):  # the package prints; stdout belongs to our own output
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
    def encode(self, images: Tensor) -> Tensor:
        z = self.quant_conv(self.encoder(images))
        return nearest_codes(to_rows(z), self.codebook).view(len(z), *z.shape[2:])

    @override
    def decode(self, indices: Tensor) -> Tensor:
        codes = lookup(self.codebook, indices).permute(0, 3, 1, 2).contiguous()  # as released; other strides round anew
        return self.decoder(self.post_quant_conv(codes))

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """No losses: nothing is trained."""
        return {}


@methods.register("pretrained")
@dataclass(frozen=True)
class Pretrained(Method):
    """A released VQ-GAN from taming's files, measured as it is (Esser et al. 2021).

    It puts a released tokenizer before the same tasks. Other data and another budget made it, so its records carry
    a warning that it does not compare on equal terms. Its sizes are its own; of the preset it takes the images' size.

    weights: a `.ckpt` of `VQModel`, or the same weights as `.safetensors`. config: its yaml.
    """

    paper: ClassVar[str] = "arXiv:2012.09841"
    weights: Path | None = None
    config: Path | None = None

    @override
    def missing(self) -> str | None:
        if self.weights and self.config:
            return None
        return "needs --set pretrained.weights=FILE (.ckpt or .safetensors) and --set pretrained.config=FILE (its yaml)"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> TamingTokenizer:
        """The tokenizer as released; the files' hashes are shown on standard error.

        Raises:
            DataError: a file is not given, missing, damaged or not of its kind, or the two do not fit.
            UsageError: the preset's image size does not suit the tokenizer.
        """
        if not (self.weights and self.config):
            raise DataError(f"pretrained {self.missing()}")
        tokenizer = TamingTokenizer(read_config(self.config), preset.image_size)
        state = read_weights(self.weights)
        mismatch = find_mismatch(state, tokenizer.state_dict())
        if mismatch:
            raise DataError(f"{self.weights}: {mismatch}")
        tokenizer.load_state_dict(state, strict=True)
        files = (f"{path.name} sha256 {sha256_of(path)}" for path in (self.weights, self.config))
        print(f"pretrained: {', '.join(files)}", file=sys.stderr, flush=True)
        return tokenizer.requires_grad_(False).eval()
