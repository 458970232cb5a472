"""FSQ: a code is a few rounded values; there is no codebook to learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override
from vector_quantize_pytorch import FSQ

from bench.contracts.arguments import Count
from bench.contracts.method import Method, TextEncoder
from bench.errors import UsageError
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.library_quantizer import LibraryQuantizer
from bench.presets import Preset
from bench.registry import methods

Level = Annotated[int, Field(ge=3)]


@methods.register("fsq")
@dataclass(frozen=True)
class Fsq(Method):
    """FSQ: few values, each rounded to few levels; nothing to learn but projections (Mentzer et al. 2023).

    codes: K, by default the preset's. levels: of each value; by default 8 or 16 with product K. The paper's own lists
    (its table 1) have products near powers of two only, which would give FSQ another K than the other methods.
    """

    paper: ClassVar[str] = "arXiv:2309.15505"
    codes: Count | None = None
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] | None = None
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        """The untrained tokenizer, under VQ-GAN's objective; no text is read.

        Raises:
            UsageError: the levels do not give K codes, or K is no power of two and no levels are given.
        """
        size = self.codes
        if size is None:
            size = preset.codes if self.levels is None else math.prod(self.levels)
        levels = even_levels(size) if self.levels is None else self.levels
        if not levels or math.prod(levels) != size or min(levels) < 3:
            raise UsageError(f"fsq.levels={levels}: the product must be K = {size}, and each at least 3")
        quantizer = LibraryQuantizer(FSQ(levels, dim=preset.width), lambda fsq: fsq.project_out(fsq.implicit_codebook))
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))


def even_levels(codes: int) -> tuple[int, ...]:
    """Levels of 8 and, where they must, more, with product `codes`; the paper finds fewer than 5 to hurt (section 4.1).

    Raises:
        UsageError: not a power of two from 8 on.
    """
    bits = codes.bit_length() - 1
    if codes != 1 << bits or bits < 3:
        raise UsageError(f"fsq: {codes} codes are no power of two from 8 on; give fsq.levels")
    values = bits // 3
    return tuple(2 ** (bits // values + (value < bits % values)) for value in range(values))
