"""Guesses of masked words: made, scored, and shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.contracts.method import MaskAt, WordPredictor
from bench.contracts.result import TaskResult
from bench.metrics.words import word_recall
from tasks.parts.image_controls import Vectors

BATCH = 64
SHOWN = 12


def guess(
    words: WordPredictor, vectors: Vectors, ids: Tensor, masked: np.ndarray, mask_at: MaskAt, device: torch.device
) -> np.ndarray:
    """The likeliest word at each position, ids int64 [N, L]."""
    found = np.empty(ids.shape, np.int64)
    for start in range(0, len(ids), BATCH):
        rows = np.arange(start, min(start + BATCH, len(ids)))
        predict = torch.from_numpy(masked[rows]).to(device)
        with torch.inference_mode():
            logits = words.word_logits(vectors(rows), ids[rows].to(device), predict, mask_at)
        found[rows] = logits.argmax(-1).cpu().numpy()
    return found


def score_words(
    result: TaskResult, guessed: np.ndarray, ids: np.ndarray, masked: np.ndarray, part: str, variant: str
) -> None:
    """Add the recall over all masked words, with each word's score and image; all arrays [N, L]."""
    result.add(
        "word_recall", word_recall(guessed, ids, masked), part=part, variant=variant, images=np.nonzero(masked)[0]
    )


def word_table(
    captions: Sequence[str], ids: np.ndarray, masked: np.ndarray, guesses: dict[str, np.ndarray], names: dict[int, str]
) -> str:
    """Evenly spaced captions with a masked word of each and the guesses, for a person to look at."""
    columns = [variant for variant in guesses if "shuffled" not in variant and variant != "most-frequent"]
    heading = ["caption", "masked word", *(variant.replace("-", " ") or "guess" for variant in columns)]
    lines = [heading, ["---"] * len(heading)]
    having = np.flatnonzero(masked.any(1))
    for row in having[np.linspace(0, len(having) - 1, min(SHOWN, len(having))).astype(int)]:
        place = masked[row].argmax()
        found = [ids[row, place], *(guesses[variant][row, place] for variant in columns)]
        lines.append([captions[row], *(names.get(int(id_), f"piece {id_}") for id_ in found)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
