"""Captions as a frozen text encoder sees them, computed once and memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from bench.contracts.data import Split
from bench.contracts.method import TextBatch, TextEncoder
from bench.errors import DataError
from bench.system.arrays import new_array
from bench.system.kept import kept_folder

BATCH = 512


@dataclass(frozen=True)
class CaptionFeatures:
    """All captions of a split, one behind the other and without padding.

    ids: int32 [all tokens]. tokens: float16 [all tokens, T]. sentences: float16 [captions, T].
    starts: int64 [captions + 1], where each caption's tokens begin. first: int64 [images + 1], each image's captions.
    """

    ids: np.ndarray
    tokens: np.ndarray
    sentences: np.ndarray
    starts: np.ndarray
    first: np.ndarray

    @classmethod
    def prepare(cls, split: Split, encoder: TextEncoder, folder: Path) -> CaptionFeatures:
        """Open the features in `folder`, after computing them if they are not there.

        Raises:
            DataError: an image has no caption.
            BenchError: the features cannot be kept; see `bench.system.kept`.
        """
        return kept_folder(folder, partial(_compute, split, encoder), cls._open)

    @classmethod
    def _open(cls, folder: Path) -> CaptionFeatures:
        names = ("ids", "tokens", "sentences", "starts", "first")
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names))

    def sample(self, rows: np.ndarray, rng: np.random.Generator) -> TextBatch:
        """One caption at random for each image of `rows` [B], padded to the longest of them."""
        captions = rng.integers(self.first[rows], self.first[rows + 1])  # [B]
        starts, lengths = self.starts[captions], self.starts[captions + 1] - self.starts[captions]
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)  # [B, L]
        tokens = torch.zeros(*ids.shape, self.tokens.shape[1])  # [B, L, T]
        for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
            ids[row, :length] = torch.from_numpy(self.ids[start : start + length].astype(np.int64))
            tokens[row, :length] = torch.from_numpy(self.tokens[start : start + length].astype(np.float32))
        return TextBatch(ids, tokens, torch.from_numpy(self.sentences[captions].astype(np.float32)))


def _compute(split: Split, encoder: TextEncoder, folder: Path) -> None:
    """Write the arrays of `CaptionFeatures`, one file each."""
    if len(split.captions) != len(split) or not all(split.captions):
        raise DataError(f"the {split.name} split has images without a caption")
    texts = [caption for captions in split.captions for caption in captions]
    ids = torch.cat([encoder.tokenize(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)])  # [captions, L]
    lengths = (ids != 0).sum(1)
    starts = np.concatenate([[0], np.cumsum(lengths.numpy())])
    first = np.concatenate([[0], np.cumsum([len(captions) for captions in split.captions])])
    total = int(starts[-1])
    new_array(folder / "ids.npy", np.int32, (total,))[:] = ids[ids != 0].numpy()
    new_array(folder / "starts.npy", np.int64, starts.shape)[:] = starts
    new_array(folder / "first.npy", np.int64, first.shape)[:] = first
    tokens = new_array(folder / "tokens.npy", np.float16, (total, encoder.width))
    sentences = new_array(folder / "sentences.npy", np.float16, (len(texts), encoder.width))
    order = torch.argsort(lengths, stable=True)  # captions of one length together: little padding to compute
    for rows in order.split(BATCH):
        part = ids[rows, : int(lengths[rows].max())]  # [B, L']
        features, sentence = (output.float().cpu() for output in encoder.encode(part))  # [B, L', T], [B, T]
        sentences[rows.numpy()] = sentence.half().numpy()
        places = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows.tolist()])  # [real tokens]
        tokens[places] = features[part != 0].half().numpy()
    tokens.flush()
    sentences.flush()
