"""What images add to the answers of questions, by a plain linear model on folds of the training images.

    python scripts/what_images_add.py daquar --data-root DIR

One line a kind of image features: the share of answers that are right with words and features, and how much that is
more than with words alone, with its standard error over images. Every image is scored by a model that was fitted
without it; only training images are read. Where even features of a network that has seen ImageNet add little, a head
that starts from random weights has little to find.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from choose_heads import material
from torch import Tensor

from bench.contracts.data import Question, Split
from bench.experiment.arguments import parse_setting
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.tokenizers import load_splits
from bench.features.efficientnet import EfficientNetLite0

FOLDS, PASSES, BATCH = 5, 6, 256
RATE, DECAY = 0.01, (0.1, 0.3)
"""Of AdamW; the decay of the weights of words and of image features."""
RARE_WORDS, RARE_ANSWERS = 2, 4
"""Words, pairs of words and answers that are rarer in the training split are left out; such an answer is not learnt."""
CPU = torch.device("cpu")


def bags_of_words(questions: list[Question]) -> Tensor:
    """Which words and pairs of neighbouring words each question has, float [Q, W]."""
    words = [question.text.lower().replace("?", " ").split() for question in questions]
    bags = [{*row, *map(" ".join, itertools.pairwise(row))} for row in words]
    counts = collections.Counter(itertools.chain(*bags))
    known = {term: number for number, term in enumerate(sorted(t for t in counts if counts[t] >= RARE_WORDS))}
    table = torch.zeros(len(bags), len(known))
    for row, bag in enumerate(bags):
        table[row, [known[term] for term in bag if term in known]] = 1
    return table


def answer_numbers(questions: list[Question]) -> Tensor:
    """The answers as numbers, int64 [Q], -100 for rare ones."""
    counts = collections.Counter(question.answer for question in questions)
    known = {answer: number for number, answer in enumerate(sorted(a for a in counts if counts[a] >= RARE_ANSWERS))}
    return torch.tensor([known.get(question.answer, -100) for question in questions])


def principal(features: Tensor, fitted: Tensor, dimensions: int) -> Tensor:
    """The first principal components [N, dimensions] of features [N, D], each of unit variance over rows `fitted`."""
    scaled = (features - features[fitted].mean(0)) / (features[fitted].std(0) + 1e-6)
    _, _, directions = torch.linalg.svd(scaled[fitted], full_matrices=False)
    found = scaled @ directions[:dimensions].T
    return found / found[fitted].std(0)


def right_answers(words: Tensor, answers: Tensor, images: Tensor, features: Tensor | None, dimensions: int) -> Tensor:
    """Which questions are answered right by a model that was fitted without their image, float [Q].

    Args:
        words: [Q, W]. answers, images: int64 [Q]. features: [N, D] of all images, or None for words alone.
    """
    order = torch.from_numpy(np.random.default_rng(0).permutation(int(images.max()) + 1))
    right = torch.zeros(len(answers))
    for fold in range(FOLDS):
        held = torch.isin(images, order[fold::FOLDS])
        kept = order[torch.arange(len(order)) % FOLDS != fold]
        seen = [words] if features is None else [words, principal(features, kept, dimensions)[images]]
        right[held] = _fit(seen, answers, ~held)[held]
    return right


def _fit(inputs: list[Tensor], answers: Tensor, fitted: Tensor) -> Tensor:
    """Whether each question is answered right, float [Q], by a linear model of the questions `fitted`."""
    torch.manual_seed(0)
    weights = [torch.zeros(x.shape[1], int(answers.max()) + 1, requires_grad=True) for x in inputs]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, DECAY, strict=False)]
    optimizer = torch.optim.AdamW(groups, RATE)
    rows = fitted.nonzero().flatten()
    for _ in range(PASSES):
        for batch in rows[torch.randperm(len(rows))].split(BATCH):
            logits = sum((x[batch] @ weight for x, weight in zip(inputs, weights, strict=True)), torch.zeros(1))
            optimizer.zero_grad()
            F.cross_entropy(logits, answers[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        best = sum((x @ weight for x, weight in zip(inputs, weights, strict=True)), torch.zeros(1)).argmax(1)
    return (best == answers).float()


def standard_error(differences: Tensor, images: Tensor) -> float:
    """Of a mean over questions [Q], those of an image taken together."""
    sums = torch.zeros(int(images.max()) + 1).index_add_(0, images, differences - differences.mean())
    return float(sums.square().sum().sqrt()) / len(differences)


def image_features(request: Request, train: Split, methods: list[str]) -> dict[str, Tensor]:
    """Features [N, D] of the training images, by what they are."""
    network = EfficientNetLite0()
    pixels = torch.from_numpy(np.array(train.images)).permute(0, 3, 1, 2).float()
    found = {"pixels, means of 4x4 regions": F.adaptive_avg_pool2d(pixels, 4).flatten(1)}
    for method in methods:
        codes = material(method, request, request.cache)[0]["train"]
        found[f"codes of {method}"] = codes.vectors(np.arange(len(codes)), CPU).flatten(1)
    for preset in ("tiny", "photo"):
        (cell, *_) = plan(dataclasses.replace(request, preset=preset))
        images = load_splits(cell.dataset, request.cache)["train"].images
        batches = (np.asarray(images[start : start + 32]) for start in range(0, len(images), 32))
        found[f"EfficientNet-Lite0, {images.shape[1]} px"] = torch.cat([network.features(batch) for batch in batches])
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--set", nargs="*", default=[], help="NAME.ARG=VALUE")
    parser.add_argument("--methods", nargs="*", default=["identity", "vqgan"])
    parser.add_argument("--dimensions", nargs="+", type=int, default=[8, 32], help="principal components of features")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    request = Request(
        ("identity",),
        ("reconstruction",),
        (arguments.dataset,),
        data_root=arguments.data_root and arguments.data_root.resolve(),
        cache=arguments.cache.resolve(),
        settings=tuple(map(parse_setting, arguments.set)),
    )
    train = load_splits(plan(request)[0].dataset, request.cache)["train"]
    questions = list(train.questions)
    words, answers = bags_of_words(questions), answer_numbers(questions)
    images = torch.tensor([question.image for question in questions])
    alone = right_answers(words, answers, images, None, 0)
    print("| image features | components | right answers | more than words alone |\n|---|--:|--:|--:|")
    print(f"| none | | {alone.mean():.4f} | |", flush=True)
    for name, features in image_features(request, train, arguments.methods).items():
        for dimensions in arguments.dimensions:
            right = right_answers(words, answers, images, features, dimensions)
            more, error = float((right - alone).mean()), standard_error(right - alone, images)
            print(f"| {name} | {dimensions} | {right.mean():.4f} | {more:+.4f} (se {error:.4f}) |", flush=True)


if __name__ == "__main__":
    main()
