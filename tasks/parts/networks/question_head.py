"""Fitting heads that read an image's codes once for all questions (or expressions) about it, and their outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from bench.contracts.task import Work
from bench.system.batches import shuffled
from bench.system.precision import autocast
from bench.tasks.parts.image_controls import Vectors, own_vectors
from bench.tasks.parts.language.questions import QuestionIndex
from bench.tasks.parts.language.vocabulary import PADDING
from bench.tasks.parts.networks import head

PER_IMAGE = 16
"""Questions about an image in a training step, at most."""
BATCH = 250
"""Images at once where nothing is fitted."""

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the words of N questions, int64 [N, L], the image that each is about, int64 [N], ascending, and the images' code
vectors [B, h*w, D] to outputs [N, ...]."""
Loss = Callable[[Tensor, np.ndarray], Tensor]
"""From outputs [N, ...] and the numbers of their questions, int64 [N], to a scalar."""


def fit(model: nn.Module, questions: QuestionIndex, loss: Loss, work: Work, rng: np.random.Generator) -> None:
    """Fit a `Network` to the training codes, in batches of images with at most `PER_IMAGE` questions each.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    vectors = own_vectors(work.codes_of("train"), work.device)
    batches = shuffled(len(questions.images), work.budget.batch_size, rng)

    def next_loss() -> Tensor:
        rows = next(batches)
        numbers, owner = questions.of_images(rows, PER_IMAGE, rng)
        return loss(_outputs(model, questions, rows, numbers, owner, vectors), numbers)

    head.fit(model, next_loss, work.budget, work.device, (rng, batches), work.checkpoint_of("head"))


def predict(network: Network, questions: QuestionIndex, vectors: Vectors, device: torch.device) -> np.ndarray:
    """The network's output for every question, [Q, ...], in the order of the split's list of questions."""
    outputs, places = [], []
    for start in range(0, len(questions.images), BATCH):
        rows = np.arange(start, min(start + BATCH, len(questions.images)))
        numbers, owner = questions.of_images(rows)
        with torch.inference_mode(), autocast(device):
            outputs.append(_outputs(network, questions, rows, numbers, owner, vectors).cpu().numpy())
        places.append(questions.order[numbers])
    grouped = np.concatenate(outputs)  # those of one image together
    listed = np.empty_like(grouped)
    listed[np.concatenate(places)] = grouped
    return listed


def _outputs(
    network: Network,
    questions: QuestionIndex,
    rows: np.ndarray,
    numbers: np.ndarray,
    owner: np.ndarray,
    vectors: Vectors,
) -> Tensor:
    """Outputs [N, ...] for the questions `numbers` about questions.images[rows]; owner: which of these."""
    ids = questions.ids[numbers]  # [N, L]
    longest = int((ids != PADDING).sum(1).max())
    codes = vectors(questions.images[rows])  # [B, h*w, D]
    words, about = torch.from_numpy(ids[:, :longest]), torch.from_numpy(owner)
    return network(words.to(codes.device), about.to(codes.device), codes)
