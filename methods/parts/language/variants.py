"""What LG-VQ's released code and its paper do differently, each difference a switch, and the released loss weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bench.contracts.method import MaskAt
from bench.methods.parts.language.losses import Masking, Reduction


class Switches(NamedTuple):
    """What the released code and the paper's text do differently.

    codebook_gradient: the text losses also move the selected codebook rows; else they reach the encoder only.
    legacy: beta on the codebook term of the base's quantizer; else on the commitment term.
    temperature: of the global alignment. gsa_reduction: over the batch.
    masking: which words are masked. mask_at: mask the text encoder's "features", through which a masked word leaks
        into all later ones, or the "words" before the encoder.
    label_smoothing: of the masked words' cross-entropy. padding_mask: self-attention ignores padding.
    ras_text: the words' "contextual" features or their static "embeddings". ras_head: a learned head on the codes;
        else the codes themselves. ras_sign: flip codes of negative similarity. ras_specials: the start and end tokens
        count as words. ras_reduction: "mean" over all pairs with padding, or "sum" over pairs.
    """

    codebook_gradient: bool
    legacy: bool
    temperature: float
    gsa_reduction: Reduction
    masking: Masking
    mask_at: MaskAt
    label_smoothing: float
    padding_mask: bool
    ras_text: Literal["contextual", "embeddings"]
    ras_head: bool
    ras_sign: bool
    ras_specials: bool
    ras_reduction: Reduction


VARIANTS = {
    "released": Switches(
        codebook_gradient=False,
        legacy=True,
        temperature=1.0,
        gsa_reduction="mean",
        masking="bernoulli",
        mask_at="features",
        label_smoothing=0.1,
        padding_mask=False,
        ras_text="contextual",
        ras_head=True,
        ras_sign=True,
        ras_specials=True,
        ras_reduction="mean",
    ),
    "paper": Switches(
        codebook_gradient=True,
        legacy=False,
        temperature=1.0,
        gsa_reduction="sum",
        masking="exact",
        mask_at="words",
        label_smoothing=0.0,
        padding_mask=True,
        ras_text="embeddings",
        ras_head=False,
        ras_sign=False,
        ras_specials=False,
        ras_reduction="sum",
    ),
}


class LossWeights(NamedTuple):
    """Weights of the text losses."""

    gsa: float
    mtp: float
    ras: float


RELEASED_WEIGHTS = {"cub200": LossWeights(0.001, 0.001, 0.001)}
OTHER_WEIGHTS = LossWeights(0.001, 0.01, 0.0001)
"""Released for CelebA-HQ and TextCaps; there is nothing for MS-COCO, nor of course for the built-in data sets."""
