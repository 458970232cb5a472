"""Guesses of masked words: how a `WordPredictor` gives them, their scores, and a table of examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.contracts.method import MaskAt, WordPredictor
from bench.contracts.result import TaskResult
from bench.metrics.words import word_recall
from bench.tasks.parts.image_controls import Vectors

BATCH = 64
SHOWN = 12


def guess(
    words: WordPredictor, vectors: Vectors, ids: Tensor, masked: np.ndarray, mask_at: MaskAt, device: torch.device
) -> np.ndarray:
    """The likeliest word at each masked position, int64 [N, L], 0 elsewhere.

    Args:
        words: predicts masked words. vectors: code vectors of the captions' images.
        ids: captions int64 [N, L]. masked: bool [N, L]. mask_at: where the predictor masks them.
    """
    guesses = np.zeros(ids.shape, np.int64)
    for start in range(0, len(ids), BATCH):
        rows = np.arange(start, min(start + BATCH, len(ids)))
        predict = torch.from_numpy(masked[rows]).to(device)
        with torch.inference_mode():
            logits = words.word_logits(vectors(rows), ids[rows].to(device), predict, mask_at)  # [M, V]
        guesses[rows[0] : rows[-1] + 1][masked[rows]] = logits.argmax(-1).cpu().numpy()
    return guesses


def score_words(
    result: TaskResult, guessed: np.ndarray, ids: np.ndarray, masked: np.ndarray, part: str, variant: str
) -> None:
    """Add the recall over all masked words, with each word's score and image; all arrays [N, L].

    Raises:
        NotMeasurable: no word is masked.
    """
    result.add(
        "word_recall", word_recall(guessed, ids, masked), part=part, variant=variant, images=np.nonzero(masked)[0]
    )


def word_table(
    captions: Sequence[str], ids: np.ndarray, masked: np.ndarray, guesses: dict[str, np.ndarray], names: dict[int, str]
) -> str:
    """A Markdown table for a person to look at: evenly spaced captions, a masked word of each, and the guesses.

    Args:
        captions: N of them. ids: int64 [N, L]. masked: bool [N, L]. guesses: by variant, int64 [N, L].
        names: texts of word pieces, by id.
    """
    columns = [variant for variant in guesses if "shuffled" not in variant and variant != "most-frequent"]
    heading = ["caption", "masked word", *(variant.replace("-", " ") or "guess" for variant in columns)]
    lines = [heading, ["---"] * len(heading)]
    with_mask = np.flatnonzero(masked.any(1))
    for row in with_mask[np.linspace(0, len(with_mask) - 1, min(SHOWN, len(with_mask))).astype(int)]:
        place = masked[row].argmax()
        pieces = [ids[row, place], *(guesses[variant][row, place] for variant in columns)]
        lines.append([captions[row], *(names.get(int(id_), f"piece {id_}") for id_ in pieces)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
