"""Language guidance around any tokenizer: LG-VQ's text losses, added while it trains."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.codes import lookup
from bench.contracts.method import Batch, MaskAt, TextBatch, TextEncoder, Tokenizer
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.language.losses import draw_mask, global_alignment_loss, masked_text_loss, relationship_loss
from bench.methods.parts.language.modules import SMALL, CodeTransformer, Head, MaskedWordModel
from bench.methods.parts.language.variants import Switches
from bench.methods.parts.language.vocabulary import CHUNK, masked_word_loss
from bench.system import ranks
from bench.text.words import word_positions

DROPOUT = 0.1
"""Rate of dropout in the text decoder, as released."""


class LanguageGuidance(nn.Module):
    """The text losses of a batch of codes, not yet weighted; only the parts that the chosen losses need exist.

    The frozen text encoder is used, not owned: neither its weights nor the word embeddings are saved with it.
    With the loss "mtp" it is a `bench.contracts.method.WordPredictor`.
    """

    def __init__(
        self, positions: int, width: int, text: TextEncoder, losses: tuple[str, ...], switches: Switches
    ) -> None:
        super().__init__()
        self.losses, self.switches, self.length = losses, switches, text.length
        self.tokenize, self._encode, self._mask_id = text.tokenize, text.encode, text.mask_id
        self.vision = CodeTransformer(positions, width, text.width)
        if losses == ("ras",):
            self.vision.requires_grad_(False)  # it then only decides an arg-max, and no gradient could reach it
        if "mtp" in losses:
            self.word_model = MaskedWordModel(text.length, text.vocabulary, text.width, DROPOUT)
        if "ras" in losses and switches.ras_head:
            self.relation_head = Head(width, text.width)
            nn.init.normal_(self.relation_head.linear.weight, std=SMALL)
        self.register_buffer("words", text.word_embeddings.detach().clone(), persistent=False)
        self.register_buffer("mean_word", text.word_embeddings.detach().mean(0), persistent=False)
        self.words: Tensor
        self.mean_word: Tensor

    @override
    def forward(self, quantized: Tensor, text: TextBatch) -> dict[str, Tensor]:
        """Losses by name for a quantized map [B, D, h, w] and its captions."""
        codes = quantized.flatten(2).transpose(1, 2)
        visual = self.vision.narrow(codes)
        text = self._padded(text)
        parts = {
            "gsa": lambda: self._global_alignment(visual, text),
            "mtp": lambda: self._masked_text(visual, text),
            "ras": lambda: self._relationship(codes, visual, text),
        }
        return {name: parts[name]() for name in self.losses}

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        """Logits of masked words, see `bench.contracts.method.WordPredictor`."""
        text = self._padded(TextBatch(ids, *self._encode(ids)))
        predict = F.pad(predict, (0, self.length - ids.shape[1]))
        decoded = self._masked_words(self.vision.narrow(vectors), text, predict, mask_at)
        return self.word_model.logits(decoded, self.words)

    def _padded(self, text: TextBatch) -> TextBatch:
        """The batch padded to full length: released losses average over padding and let it take part in attention."""
        missing = self.length - text.ids.shape[1]
        return TextBatch(F.pad(text.ids, (0, missing)), F.pad(text.tokens, (0, 0, 0, missing)), text.sentence)

    def _masked_words(self, visual: Tensor, text: TextBatch, predict: Tensor, mask_at: MaskAt) -> Tensor:
        """What the decoder makes of the M masked words of padded captions, [M, T]; visual: not projected yet."""
        tokens = text.tokens
        if mask_at == "words":
            with torch.no_grad():
                tokens = self._encode(text.ids.masked_fill(predict, self._mask_id))[0]
        masked_first = predict.int().argsort(dim=1, descending=True, stable=True)  # [B, L], each kind in order
        at = masked_first[:, : int(predict.sum(1).max())]  # [B, Q], as many as the caption with most has
        decoded = self.word_model.decoded(
            tokens, visual, predict, text.ids != 0, self.switches.padding_mask, at, self.vision.projection
        )
        return decoded[predict.gather(1, at)]

    def _global_alignment(self, visual: Tensor, text: TextBatch) -> Tensor:
        switches = self.switches
        image = visual[:, 0] @ self.vision.projection
        return global_alignment_loss(image, text.sentence, switches.temperature, switches.gsa_reduction)

    def _masked_text(self, visual: Tensor, text: TextBatch) -> Tensor:
        predict = draw_mask(word_positions(text.ids), self.switches.masking)
        decoded = self._masked_words(visual, text, predict, self.switches.mask_at)
        ids, smoothing, model = text.ids[predict], self.switches.label_smoothing, self.word_model
        if len(self.words) <= CHUNK:
            return masked_text_loss(model.logits(decoded, self.words), ids, predict[predict], smoothing)
        return masked_word_loss(model.head(decoded), self.words, self.mean_word, model.bias, ids, smoothing)

    def _relationship(self, codes: Tensor, visual: Tensor, text: TextBatch) -> Tensor:
        switches = self.switches
        features = F.embedding(text.ids, self.words) if switches.ras_text == "embeddings" else text.tokens
        valid = text.ids != 0 if switches.ras_specials else word_positions(text.ids)
        with torch.no_grad():  # they only decide an arg-max
            tokens = visual[:, 1:] @ self.vision.projection
        head = self.relation_head if switches.ras_head else None
        return relationship_loss(codes, tokens, features, valid, switches.ras_reduction, switches.ras_sign, head)


class LanguageGuided(Tokenizer):
    """A tokenizer with text losses added while it trains; afterwards it encodes and decodes as its base does."""

    def __init__(self, base: Autoencoder, guidance: LanguageGuidance, weights: dict[str, float]) -> None:
        super().__init__()
        self.base, self.guidance, self.weights = base, guidance, weights
        self.grid, self.discrete = base.grid, base.discrete

    @property
    @override
    def codebook(self) -> Tensor:
        return self.base.codebook

    @property
    @override
    def fixed_codebook(self) -> bool:
        return self.base.fixed_codebook

    @property
    @override
    def word_predictor(self) -> LanguageGuidance | None:
        return self.guidance if "mtp" in self.guidance.losses else None

    @override
    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        return self.base.learning_rate_scales()

    @override
    def encode(self, images: Tensor) -> Tensor:
        return self.base.encode(images)

    @override
    def decode(self, indices: Tensor) -> Tensor:
        return self.base.decode(indices)

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The base's losses and the weighted text losses, these of the joint batch on each rank."""
        assert batch.text is not None
        reconstruction, quantized = self.base(batch.images)
        losses = self.base.criterion(batch.images, reconstruction, quantized, step)
        codes = quantized.quantized
        if self.guidance.switches.codebook_gradient:
            rows = lookup(self.codebook, quantized.indices).permute(0, 3, 1, 2)
            codes = codes + (rows - rows.detach())  # the value stays, the selected rows get the same gradient
        text = self.guidance(codes, TextBatch(*map(ranks.joint, batch.text)))
        return losses | {name: self.weights[name] * loss for name, loss in text.items()}
