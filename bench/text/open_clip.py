"""Any CLIP of open_clip, by model and weights; LG-VQ's is `open_clip:ViT-B-32-quickgelu/openai`."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import torch
from torch import Tensor

from bench.errors import DataError, UsageError
from bench.registry import text_encoders
from bench.system.torchvision_ops import make_importable
from bench.text.towers import causal_mask

LENGTH = 30
"""Text length of all released LG-VQ configurations, in training: CLIP's positions are cut to the first 30."""
WORD_END = "</w>"
"""CLIP's mark on a piece that ends a word."""


@text_encoders.register("open_clip")
class OpenClip:
    """A CLIP of open_clip, `open_clip:MODEL/WEIGHTS`; weights are a tag (downloaded) or the path of a file."""

    mask_id = 0
    """CLIP has no mask token; its padding, which is the piece "!", says least."""

    def __init__(self, argument: str, device: torch.device) -> None:
        model, _, weights = argument.partition("/")
        if not model or not weights:
            raise UsageError("the text encoder open_clip takes open_clip:MODEL/WEIGHTS, say ViT-B-32-quickgelu/openai")
        make_importable()
        import open_clip

        self.name = f"open_clip:{argument}"
        try:
            # a file of weights says nothing of its activation: OpenAI's need a "-quickgelu" model
            self.clip: Any = open_clip.create_model(model, pretrained=weights, precision="fp32", device=device)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise DataError(
                f"open_clip cannot give {argument}: {reason}; it needs a connection to its hub, or a file of weights: "
                "open_clip:MODEL/PATH"
            ) from error
        if not isinstance(self.clip, open_clip.CLIP):
            raise UsageError(f"{self.name}: only models with CLIP's own text tower can be used")
        self._setup(open_clip.get_tokenizer(model))

    def _setup(self, tokenizer: Any) -> None:
        self.clip.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.word_embeddings: Tensor = self.clip.token_embedding.weight
        self.vocabulary = len(self.word_embeddings)
        self.width = int(self.word_embeddings.shape[1])
        self.length = min(LENGTH, len(self.clip.positional_embedding))
        if self.clip.text_projection.shape != (self.width, self.width):
            raise UsageError(f"{self.name}: language guidance needs sentence and token features of one width")

    @property
    def words(self) -> dict[str, int]:
        """Pieces of CLIP's vocabulary that end a word; each is also what the tokenizer makes of it alone.

        Raises:
            UsageError: the model has another vocabulary.
        """
        from open_clip.tokenizer import SimpleTokenizer

        if not isinstance(self.tokenizer, SimpleTokenizer):
            raise UsageError(f"{self.name} does not have CLIP's own vocabulary, so its words are not known")
        pieces = ((piece.removesuffix(WORD_END), i) for piece, i in self.tokenizer.encoder.items() if WORD_END in piece)
        return {word: i for word, i in pieces if re.fullmatch("[a-z]+", word)}

    def tokenize(self, texts: list[str]) -> Tensor:
        """Ids int64 [B, L]: start, word pieces, end, then 0."""
        return self._ids(texts, self.length)

    @torch.no_grad()
    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token features after the last LayerNorm [B, L, T], not projected; the end token's, projected [B, T]."""
        clip, length = self.clip, ids.shape[1]
        ids = ids.to(self.word_embeddings.device)
        x = clip.token_embedding(ids) + clip.positional_embedding[:length]
        tokens = clip.ln_final(clip.transformer(x, attn_mask=causal_mask(length, ids.device)))
        return tokens, tokens[torch.arange(len(ids), device=ids.device), ids.argmax(1)] @ clip.text_projection

    def encode_captions(self, captions: list[str]) -> Tensor:
        """Features [B, T] of captions, read as far as the model reads: the released configurations cut them shorter."""
        return self.encode(self._ids(captions, len(self.clip.positional_embedding)))[1]

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Features [B, T] of images [B, 3, H, W] in [-1, 1], resized (bicubic) and normalised as the model has it."""
        visual, images = self.clip.visual, images.to(self.word_embeddings.device, torch.float32)
        side = visual.image_size[0] if isinstance(visual.image_size, tuple) else visual.image_size
        mean, std = (
            torch.tensor(values, device=images.device).view(3, 1, 1) for values in (visual.image_mean, visual.image_std)
        )
        resized = torch.nn.functional.interpolate(images, (side, side), mode="bicubic", antialias=True)
        return self.clip.encode_image(((resized.clamp(-1, 1) + 1) / 2 - mean) / std)

    def _ids(self, texts: list[str], length: int) -> Tensor:
        return self.tokenizer([text.lower().replace("\n", " ") for text in texts], context_length=length)

    def fingerprint(self) -> str:
        """sha256 of model name, length and all weights; where the weights came from does not count."""
        digest = hashlib.sha256(f"{self.name.partition('/')[0]} {self.length}".encode())
        for name, weight in sorted(self.clip.state_dict().items()):
            digest.update(name.encode() + weight.cpu().float().numpy().tobytes())
        return digest.hexdigest()
