"""The masked-word loss over a large vocabulary, in parts that fit into a cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

CHUNK = 2048
"""Words at once: with some hundred masked words, 1 to 2 MiB of logits."""


def masked_word_loss(
    hidden: Tensor, words: Tensor, mean_word: Tensor, bias: Tensor, ids: Tensor, label_smoothing: float
) -> Tensor:
    """Eq. 6 as `bench.methods.parts.language.losses.masked_text_loss` has it, without a tensor of all logits.

    Args:
        hidden: of M masked words, [M, T]. ids: which words they are, int64 [M].
        words: the frozen word embeddings [V, T]. mean_word: their mean [T]. bias: [V].

    Returns:
        The mean over the masked words, a scalar; 0 where there are none.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        return _WordLoss.apply(hidden.float(), words, mean_word, bias, ids, label_smoothing)


class _WordLoss(Function):
    """Its gradients are by-products of its value, so they are computed with it and kept instead of the logits."""

    @staticmethod
    @override
    def forward(
        ctx: Any, hidden: Tensor, words: Tensor, mean_word: Tensor, bias: Tensor, ids: Tensor, label_smoothing: float
    ) -> Tensor:
        chunks = list(zip(words.split(CHUNK), bias.split(CHUNK), strict=True))
        logits = [(hidden @ part.T).add_(of_words) for part, of_words in chunks]  # [M, CHUNK] each
        norms = torch.stack([part.logsumexp(1) for part in logits]).logsumexp(0)  # [M]
        own = (hidden * words[ids]).sum(1) + bias[ids]
        mean = hidden @ mean_word + bias.mean()  # of a row's logits
        count, even = max(1, len(ids)), label_smoothing / len(words)
        loss = (norms - (1 - label_smoothing) * own - label_smoothing * mean).sum() / count
        # a logit's gradient is its word's probability less the target's
        to_hidden = -(1 - label_smoothing) * words[ids] - label_smoothing * mean_word
        to_bias = bias.new_full(bias.shape, -even * len(ids))
        to_bias.index_add_(0, ids, bias.new_full(ids.shape, label_smoothing - 1))
        for part, (of_words, _), of_bias in zip(logits, chunks, to_bias.split(CHUNK), strict=True):
            chances = part.sub_(norms[:, None]).exp_()
            to_hidden.addmm_(chances, of_words)
            of_bias.add_(chances.sum(0))
        ctx.save_for_backward(to_hidden / count, to_bias / count)
        return loss

    @staticmethod
    @override
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_bias = ctx.saved_tensors
        return scale * to_hidden, None, None, scale * to_bias, None, None
