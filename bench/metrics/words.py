"""Metrics of predicted words."""

from __future__ import annotations

import numpy as np


def word_recall(guessed: np.ndarray, truth: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """Whether each masked word was guessed, float32 [words] of 0 and 1, caption by caption; the mean is recall@1.

    Args:
        guessed: word ids [N, L], the best guess at every position. truth: word ids [N, L].
        masked: bool [N, L].

    Raises:
        ValueError: the shapes differ.
    """
    if not guessed.shape == truth.shape == masked.shape:
        raise ValueError(f"shapes differ: {guessed.shape} guesses, {truth.shape} words, mask {masked.shape}")
    return (guessed == truth)[masked].astype(np.float32)
