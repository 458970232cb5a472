"""TiTok: an image as tokens without a place, between two transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.codes import lookup
from bench.contracts.method import Batch, Method, Quantized, TextEncoder, Tokenizer
from bench.errors import UsageError
from bench.methods.cvq import ClusterQuantizer
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.latent_tokens import LatentDecoder, LatentEncoder
from bench.methods.parts.vector_quantizer import Quantizer
from bench.presets import Preset
from bench.registry import methods
from bench.system import ranks

NO_PLACES = "its tokens stand for no place of the image"
BY_PLACES: Mapping[str, str] = {
    "completion": f"{NO_PLACES}, so the first half of them is not the upper half",
    "grounding": f"{NO_PLACES}, and the head learns to point at the position that holds a box's centre",
    "semantic-synthesis": f"{NO_PLACES}, and the generator is given the patch of the mask behind each code",
}
"""Tasks that take a position of the code grid for a place in the image, and how."""


class Sizes(NamedTuple):
    """Of each of the two transformers."""

    width: int
    layers: int
    heads: int


SIZES = {
    "taming": Sizes(width=512, layers=8, heads=8),  # TiTok-S
    "light": Sizes(width=96, layers=4, heads=3),  # as many parameters as the light network: 0.94 and 0.96 million
}


class LatentTokenizer(Tokenizer):
    """Encoder, quantizer and decoder whose codes are a row of N: the grid is (1, N)."""

    def __init__(self, preset: Preset, tokens: int, quantizer: Quantizer, objective: AdversarialObjective) -> None:
        super().__init__()
        self.grid = (1, tokens)
        patch, sizes = preset.image_size // preset.grid, SIZES[preset.backbone]
        self.encoder = LatentEncoder(patch, preset.grid**2, tokens, preset.width, *sizes)
        self.decoder = LatentDecoder(patch, preset.grid, tokens, preset.width, *sizes)
        self.quantizer, self.objective = quantizer, objective

    @property
    @override
    def codebook(self) -> Tensor:
        return self.quantizer.codebook

    @override
    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        return self.objective.learning_rate_scales()

    @override
    def encode(self, images: Tensor) -> Tensor:
        quantized: Quantized = self.quantizer(self.encoder(images))
        return quantized.indices

    @override
    def decode(self, indices: Tensor) -> Tensor:
        return self.decoder(lookup(self.codebook, indices).permute(0, 3, 1, 2))

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The quantizer's of all ranks' images, and the objective of the rank's own."""
        quantized: Quantized = self.quantizer(ranks.joint(self.encoder(batch.images)))
        made = self.decoder(ranks.own(quantized.quantized)).float()
        return {
            "codebook": quantized.loss,
            **self.objective(batch.images, made, self.decoder.last_weight, step),
        }


@methods.register("titok")
@dataclass(frozen=True)
class TiTok(Method):
    """TiTok: a row of tokens that each may tell of the whole image, between two transformers (Yu et al. 2024).

    It competes on other terms than the rest: its network is not the shared one, which its records warn of. At `tiny` it
    has about as many parameters and costs two to three times as much a step.

    As there: patches and learned latent tokens in one transformer, of which the tokens alone are kept and quantized; a
    second one in which a mask token a patch reads them. What differs:

    - It is trained in one stage, on pixels, under the objective that all share. TiTok's first stage learns the codes
      of a MaskGIT-VQGAN, whose weights are no part of this project, and its second one fine-tunes that one's decoder.
      One stage is what the authors' later TA-TiTok has (arXiv:2501.07730). Its output layers and its quantizer are used
      here: the nearest code by distance, beta on the commitment term, and rarely chosen codes move to their nearest
      features, as in `cvq` with `anchor=closest`. TA-TiTok's captions are not read.
    - Codes are as wide as those of the other methods (12 and 64 there), and there is no class token, which nothing
      reads.
    - Weights start as torch's layers do. The released start, a deviation of 0.02, is about that at its width of 512;
      at 96 it is so small that all images get the same tokens and nothing is learned.
    - Adam has the learning rate of the preset, which was not chosen for transformers.

    tokens: N, by default as many as the others have. codes: K, by default the preset's.
    """

    paper: ClassVar[str] = "arXiv:2406.07550"
    warning: ClassVar[str] = "its network is not the one that the other methods share: not on equal terms with them"
    codes: Count | None = None
    tokens: Count | None = None
    beta: Weight = 0.25
    perceptual: Perceptual = "auto"

    @override
    def unfit_for(self, task: str) -> str | None:
        return BY_PLACES.get(task)

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> LatentTokenizer:
        """The untrained tokenizer.

        Raises:
            UsageError: the images cannot be cut into patches for the preset's grid, or it has an unknown backbone.
        """
        if preset.image_size % preset.grid:
            raise UsageError(f"titok: {preset.image_size} pixels cannot be cut into {preset.grid} patches a side")
        if preset.backbone not in SIZES:
            raise UsageError(f"titok: no sizes for the backbone {preset.backbone!r}; known: {', '.join(SIZES)}")
        codes = preset.codes if self.codes is None else self.codes
        tokens = preset.grid**2 if self.tokens is None else self.tokens
        quantizer = ClusterQuantizer(codes, preset.width, self.beta, "l2", "closest", contrastive=False)
        return LatentTokenizer(preset, tokens, quantizer, AdversarialObjective(preset, self.perceptual))
