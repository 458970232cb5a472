"""tiny-clip: a small CLIP for the built-in data sets, trained by `scripts/train_tiny_clip.py` and kept in the project.

Its towers are open_clip's, with the same names of weights, written out in plain torch: importing open_clip takes three
seconds, which every run would pay for the default encoder. A test holds them to open_clip.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.errors import DataError, UsageError
from bench.registry import text_encoders
from bench.text.towers import Towers

WEIGHTS = Path(__file__).with_name("weights")
EMBED = 96
VISION = {"image_size": 32, "patch_size": 8, "width": 128, "layers": 3, "head_width": 32}
TEXT = {"context_length": 30, "width": 96, "heads": 3, "layers": 2}
"""open_clip's words for a model; the vocabulary's size comes with the vocabulary."""

PAD, MASK, UNKNOWN = 0, 1, 2
"""The first ids; word pieces follow, and the last two are start and end, as in CLIP."""


class Vocabulary:
    """From words to word pieces: those pieces of CLIP's vocabulary that occur in the training captions.

    pieces: their texts in the order of their ids. words: word to the ids of its pieces.
    """

    def __init__(self, pieces: list[str], words: dict[str, list[int]]) -> None:
        self.words = words
        self.start = UNKNOWN + 1 + len(pieces)
        self.end = self.start + 1
        self.size = self.end + 1

    def ids(self, text: str, length: int) -> list[int]:
        """At most `length` ids, start and end included; a word that is not known is one unknown piece."""
        pieces = [id_ for word in split_words(text) for id_ in self.words.get(word, [UNKNOWN])]
        return [self.start, *pieces[: length - 2], self.end]


def split_words(text: str) -> list[str]:
    """Lower-case words and single marks, as CLIP's tokenizer splits plain English."""
    return re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", text.lower())


@text_encoders.register("tiny-clip")
class TinyClip:
    """Small CLIP trained on the training captions and images of the built-in data sets; the default."""

    name = "tiny-clip"
    mask_id = MASK

    def __init__(self, argument: str, device: torch.device) -> None:
        if argument:
            raise UsageError(f"the text encoder tiny-clip takes no argument, not {argument!r}")
        try:
            vocabulary = json.loads((WEIGHTS / "tiny_clip.json").read_text(encoding="utf-8"))
            state = load_file(WEIGHTS / "tiny_clip.safetensors", device=str(device))
            self.vocabulary_table = Vocabulary(vocabulary["pieces"], vocabulary["words"])
            self.towers = Towers(EMBED, VISION, TEXT | {"vocab_size": self.vocabulary_table.size})
            self.towers.load_state_dict({name: weight.float() for name, weight in state.items()}, strict=True)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"{WEIGHTS} lacks tiny-clip's files or they are damaged ({reason}); "
                "python scripts/train_tiny_clip.py makes them"
            ) from error
        self.towers.to(device).eval().requires_grad_(False)
        self.width, self.length = EMBED, TEXT["context_length"]
        self.vocabulary = self.vocabulary_table.size
        self.word_embeddings = self.towers.token_embedding.weight
        self.words: Mapping[str, int] = {
            word: ids[0] for word, ids in self.vocabulary_table.words.items() if len(ids) == 1 and word.isalpha()
        }

    def tokenize(self, texts: list[str]) -> Tensor:
        """Ids int64 [B, L]: start, word pieces, end, then 0."""
        ids = torch.zeros(len(texts), self.length, dtype=torch.int64)
        for row, text in enumerate(texts):
            sequence = self.vocabulary_table.ids(text, self.length)
            ids[row, : len(sequence)] = torch.tensor(sequence)
        return ids

    @torch.no_grad()
    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token features after the last LayerNorm [B, L, T]; the end token's, projected [B, T]."""
        return self.towers.encode_text(ids.to(self.word_embeddings.device))

    def encode_captions(self, captions: list[str]) -> Tensor:
        """Features [B, T] of captions; its context is as long as the text it is trained with."""
        return self.encode(self.tokenize(captions))[1]

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Features [B, T] of images [B, 3, H, W] in [-1, 1], resized to 32 pixels."""
        side = self.towers.image_size
        images = images.to(self.word_embeddings.device, torch.float32)
        if images.shape[-1] != side:
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return self.towers.encode_image(images)

    def fingerprint(self) -> str:
        """sha256 of weights and vocabulary."""
        files = (WEIGHTS / "tiny_clip.json", WEIGHTS / "tiny_clip.safetensors")
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
