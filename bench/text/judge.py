"""judge: a small image-text model that says how well an image fits a caption, trained by `scripts/train_judge.py`.

No method, head or generator learns from it, and it has nothing in common with tiny-clip, from which they do: other
scenes, a recurrent network in the place of a transformer for captions, and a convolutional one for images.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.errors import DataError, NotMeasurable, UsageError
from bench.registry import text_encoders
from bench.text.tiny_clip import MASK, PAD, UNKNOWN, WEIGHTS, split_words

EMBED, HIDDEN, LENGTH, SIDE = 96, 64, 40, 32
CHANNELS = (40, 64, 96)
KNOWN = 0.5
"""Least share of captions' words that it has to know, or its values would be about padding."""


class Judge(nn.Module):
    """Captions and images to vectors of one space."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBED, padding_idx=PAD)
        self.reader = nn.GRU(EMBED, HIDDEN, batch_first=True, bidirectional=True)
        self.token = nn.Linear(2 * HIDDEN, EMBED)
        self.sentence = nn.Linear(EMBED, EMBED)
        self.stem = nn.Conv2d(3, CHANNELS[0], 5, stride=2, padding=2)
        self.stages = nn.ModuleList(Stage(inputs, outputs) for inputs, outputs in itertools.pairwise(CHANNELS))
        self.place = nn.Conv2d(CHANNELS[-1], 32, 1)
        self.image = nn.Linear(32 * (SIDE // 8) ** 2, EMBED)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))  # CLIP's start: log(1 / 0.07)

    def encode_text(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids [B, L] to token features [B, L, 96], 0 at padding, and sentence features [B, 96]."""
        real = ids != PAD
        lengths = real.sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.reader(packed)[0], batch_first=True, total_length=ids.shape[1])
        tokens = self.token(read) * real[..., None]
        return tokens, self.sentence(tokens.masked_fill(~real[..., None], -1e4).amax(1))

    def encode_image(self, images: Tensor) -> Tensor:
        """Images [B, 3, 32, 32] in [-1, 1] to features [B, 96], not normalised."""
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
        return self.image(F.gelu(self.place(x)).flatten(1))


class Stage(nn.Module):
    """A residual block that halves the side: [B, inputs, S, S] to [B, outputs, S / 2, S / 2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm, self.middle_norm = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.down = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, outputs, S / 2, S / 2]."""
        x = self.down(F.gelu(self.norm(x)))
        return x + self.conv(F.gelu(self.middle_norm(x)))


@text_encoders.register("judge")
class JudgeEncoder:
    """Small image-text model that judges text to image and from which nothing else learns; built-in data sets only."""

    name = "judge"
    mask_id = MASK
    width, length = EMBED, LENGTH

    def __init__(self, argument: str, device: torch.device) -> None:
        if argument:
            raise UsageError(f"the text encoder judge takes no argument, not {argument!r}")
        try:
            known = json.loads((WEIGHTS / "judge.json").read_text(encoding="utf-8"))
            self.ids = {str(word): UNKNOWN + 1 + i for i, word in enumerate(known)}
            self.start = UNKNOWN + 1 + len(self.ids)
            self.vocabulary = self.start + 2
            state = load_file(WEIGHTS / "judge.safetensors", device=str(device))
            with torch.random.fork_rng(devices=[]):  # a new network draws weights that are then replaced
                self.model = Judge(self.vocabulary)
            self.model.load_state_dict({name: weight.float() for name, weight in state.items()}, strict=True)
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"{WEIGHTS} lacks the judge's files or they are damaged ({reason}); "
                "python scripts/train_judge.py makes them"
            ) from error
        self.model.to(device).eval().requires_grad_(False)
        self.word_embeddings = self.model.embedding.weight
        self.words: Mapping[str, int] = {word: number for word, number in self.ids.items() if word.isalpha()}

    def tokenize(self, texts: list[str]) -> Tensor:
        """Ids int64 [B, L]: start, words, end, then 0."""
        return word_ids(texts, self.ids, self.start)

    @torch.no_grad()
    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token features [B, L, T] and sentence features [B, T]."""
        return self.model.encode_text(ids.to(self.word_embeddings.device))

    def encode_captions(self, captions: list[str]) -> Tensor:
        """Features [B, T] of captions.

        Raises:
            NotMeasurable: it does not know most of their words.
        """
        words = [word for caption in captions for word in split_words(caption)]
        if sum(word in self.ids for word in words) < KNOWN * len(words):
            raise NotMeasurable(
                "the judge knows the words of the built-in data sets alone; --set t2i.judge=open_clip:MODEL/WEIGHTS"
            )
        return self.encode(self.tokenize(captions))[1]

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Features [B, T] of images [B, 3, H, W] in [-1, 1], resized to 32 pixels."""
        images = images.to(self.word_embeddings.device, torch.float32)
        if images.shape[-1] != SIDE:
            images = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        return self.model.encode_image(images)

    def fingerprint(self) -> str:
        """sha256 of weights and vocabulary."""
        files = (WEIGHTS / "judge.json", WEIGHTS / "judge.safetensors")
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def word_ids(texts: list[str], words: Mapping[str, int], start: int) -> Tensor:
    """Ids int64 [B, L]: start, words, end (the number behind start), then 0; a word that is not known is `UNKNOWN`."""
    ids = torch.full((len(texts), LENGTH), PAD)
    for row, text in enumerate(texts):
        known = [words.get(word, UNKNOWN) for word in split_words(text)]
        sequence = [start, *known[: LENGTH - 2], start + 1]
        ids[row, : len(sequence)] = torch.tensor(sequence)
    return ids
