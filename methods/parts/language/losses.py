"""LG-VQ's three losses and its masking as pure functions (Liang et al. 2024, arXiv 2405.14206, section 3).

B images with a caption each, N code positions, L text positions, T text width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Reduction = Literal["mean", "sum"]
Masking = Literal["bernoulli", "exact"]

RATIO_MEAN, RATIO_SD, RATIO_LOW, RATIO_HIGH = 0.5, 0.1, 0.1, 0.3
"""Masking ratio: a normal cut to an interval below its own mean, so it is 0.263 on average, as released."""


def global_alignment_loss(
    image_global: Tensor, text_global: Tensor, temperature: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Eq. 5: InfoNCE from image to text over the batch, on cosines.

    The paper sums over the batch, the released code takes the mean (and adds 1e-6 to the denominator, which is below
    float32's rounding here). Neither divides by a temperature, so that at batch 8 the loss cannot fall below 0.67.

    Args:
        image_global: [B, T]. text_global: [B, T].
    """
    similarity = F.normalize(image_global.float(), dim=-1) @ F.normalize(text_global.float(), dim=-1).T
    target = torch.arange(len(similarity), device=similarity.device)
    return F.cross_entropy(similarity / temperature, target, reduction=reduction)


def masked_text_loss(logits: Tensor, token_ids: Tensor, predict: Tensor, label_smoothing: float = 0.1) -> Tensor:
    """Eq. 6: cross-entropy of the masked words, mean over all that the batch masks; 0 where it masks none.

    Args:
        logits: [..., V]. token_ids: int64 [...]. predict: bool [...], true at masked words.
    """
    losses = F.cross_entropy(
        logits.float().flatten(0, -2), token_ids.flatten(), reduction="none", label_smoothing=label_smoothing
    )
    return (losses * predict.flatten()).sum() / predict.sum().clamp(min=1)


def relationship_loss(
    code_features: Tensor,
    visual_tokens: Tensor,
    text_features: Tensor,
    valid: Tensor,
    reduction: Reduction = "mean",
    sign: bool = True,
    head: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Eq. 7-8: the cosines between the codes that words pick shall be those between the words.

    Each word picks the position whose visual token is most like it. No gradient reaches the text or the choice.

    Args:
        code_features: [B, N, any width], the codes themselves or what a head makes of them.
        visual_tokens: [B, N, T]. text_features: [B, L, T].
        valid: bool [B, L]; the other positions count as zero vectors.
        reduction: "mean" over all B x L x L pairs, or "sum" over the pairs and mean over the batch.
        sign: flip a code whose word's best similarity is negative. Released: it scales by the similarity and then
            normalises, which leaves the sign.
        head: applied to the codes that words pick, [B, L, any width]: what it would make of the others plays no part.
    """
    text = F.normalize(text_features.detach().float(), dim=-1)
    similarity, nearest = (text @ F.normalize(visual_tokens.detach().float(), dim=-1).mT).max(-1)
    codes = code_features.gather(1, nearest[..., None].expand(-1, -1, code_features.shape[-1]))
    codes = F.normalize((codes if head is None else head(codes)).float(), dim=-1) * valid[..., None]
    if sign:
        codes = codes * similarity.sign()[..., None]
    text = text * valid[..., None]
    squares = (codes @ codes.mT - text @ text.mT).square()
    return squares.mean() if reduction == "mean" else squares.sum((1, 2)).mean()


def draw_mask(words: Tensor, masking: Masking) -> Tensor:
    """Which words [B, L] of a batch to mask, from the global generator; one ratio r for the batch.

    "bernoulli": each word with probability r (released; may mask none). "exact": r times the number of words of each
    caption, rounded, at least one (paper).
    """
    edges = torch.tensor([RATIO_LOW, RATIO_HIGH], device=words.device).sub(RATIO_MEAN).div(RATIO_SD)
    low, high = torch.special.ndtr(edges)
    quantile = low + (high - low) * torch.rand((), device=words.device)
    ratio = RATIO_MEAN + RATIO_SD * torch.special.ndtri(quantile)
    noise = torch.rand(words.shape, device=words.device)
    if masking == "bernoulli":
        return torch.logical_and(words, noise < ratio)
    rank = noise.masked_fill(~words, 2).argsort(1).argsort(1)
    count = (ratio * words.sum(1, keepdim=True)).round().clamp(min=1)
    return torch.logical_and(words, rank < count)
