"""How much faster task heads are fitted than by encoding an image once for each question, caption or expression.

    python benchmarks/heads.py [--preset tiny] [--rounds 5] [--device cuda]

Training steps on emoji-scenes with random codes, optimizers included. The naive way tokenises texts anew in each step,
encodes an image for each text, and computes the last block of all words (but for expressions), logits of all words and
the padding of captions; once with all texts in one batch, once with a forward pass for each text. By turns, medians of
rounds after one to warm up. All must find the same losses.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Question, Split
from bench.presets import PRESETS, Budget
from bench.registry import datasets
from bench.tasks.parts.language.captions import one_each
from bench.tasks.parts.language.masking import masking_ranks
from bench.tasks.parts.language.questions import QuestionIndex
from bench.tasks.parts.language.vocabulary import END, PADDING, Vocabulary
from bench.tasks.parts.networks import answerer, captioner, grounder, head, word_probe
from bench.text.load import load_text_encoder

STEPS = 8
"""Steps of one turn."""

Loss = Callable[[Any], Tensor]
"""From a network to the loss of a batch, a sum."""
LossOf = Callable[[Any, np.ndarray], Tensor]
"""From a network and the numbers of some texts of a batch to their loss."""


class Head(NamedTuple):
    """A network, the number of texts in its batch, and its loss here and the naive way."""

    unit: str
    texts: int
    model: torch.nn.Module
    here: Loss
    naive: LossOf


def answering(split: Split, codes: Codes, rows: np.ndarray, budget: Budget, device: torch.device) -> Head:
    """Questions: the answer is read off their end."""
    vocabulary = Vocabulary(question.text for question in split.questions)
    answers = sorted({question.answer for question in split.questions})
    asked = QuestionIndex.of(split.questions, vocabulary, answers, answerer.WORDS)
    numbers, owner = asked.of_images(rows)
    wanted = torch.from_numpy(asked.answers[numbers]).to(device)

    def here(model: answerer.Answerer) -> Tensor:
        ids = cut(asked.ids[numbers], device)
        vectors = codes.vectors(asked.images[rows], device)
        return F.cross_entropy(model(ids, torch.from_numpy(owner).to(device), vectors), wanted, reduction="sum")

    def naive(model: answerer.Answerer, some: np.ndarray) -> Tensor:
        texts = [split.questions[row].text for row in asked.order[numbers[some]]]
        ids = cut(vocabulary.encode(texts, answerer.WORDS), device)
        context = model.image(model.reader(codes.vectors(asked.images[rows][owner[some]], device)))
        hidden = model.question(model.words(ids), ids != PADDING, context)
        return F.cross_entropy(model.answer(hidden)[ids == END], wanted[some], reduction="sum")

    model = answerer.Answerer(len(vocabulary), len(answers), budget, codes)
    return Head("questions", len(numbers), model, here, naive)


def grounding(split: Split, codes: Codes, rows: np.ndarray, budget: Budget, device: torch.device) -> Head:
    """Expressions: the box is read off a token before them."""
    vocabulary = Vocabulary(box.text for box in split.boxes)
    asked = QuestionIndex.of(
        [Question(box.image, box.text, "", "") for box in split.boxes], vocabulary, (), grounder.WORDS
    )
    numbers, owner = asked.of_images(rows)
    boxes = torch.tensor([split.boxes[row].box for row in asked.order[numbers]], dtype=torch.float32, device=device)

    def loss(found: Tensor, wanted: Tensor) -> Tensor:
        place = (wanted[:, 1] * codes.grid[0]).long() * codes.grid[1] + (wanted[:, 0] * codes.grid[1]).long()
        return (found[:, :4] - wanted).abs().sum() + F.cross_entropy(found[:, 4:], place, reduction="sum")

    def here(model: grounder.Grounder) -> Tensor:
        ids = cut(asked.ids[numbers], device)
        return loss(model(ids, torch.from_numpy(owner).to(device), codes.vectors(asked.images[rows], device)), boxes)

    def naive(model: grounder.Grounder, some: np.ndarray) -> Tensor:
        texts = [split.boxes[row].text for row in asked.order[numbers[some]]]
        ids = cut(vocabulary.encode(texts, grounder.WORDS), device)
        vectors = codes.vectors(asked.images[rows][owner[some]], device)
        return loss(model(ids, torch.arange(len(ids), device=device), vectors), boxes[some])

    return Head("expressions", len(numbers), grounder.Grounder(len(vocabulary), budget, codes), here, naive)


def captioning(split: Split, codes: Codes, rows: np.ndarray, budget: Budget, device: torch.device) -> Head:
    """Captions: each word is predicted from those before it."""
    vocabulary = Vocabulary(text for texts in split.captions for text in texts)
    owner = rows.repeat(captioner.PER_IMAGE)
    texts = one_each(split, owner.tolist(), np.random.default_rng(0))

    def here(model: captioner.Captioner) -> Tensor:
        ids = cut(vocabulary.encode(texts, captioner.WORDS), device)
        return F.cross_entropy(model(codes.vectors(rows, device), ids), ids[ids != PADDING], reduction="sum")

    def naive(model: captioner.Captioner, some: np.ndarray) -> Tensor:
        ids = cut(vocabulary.encode([texts[number] for number in some], captioner.WORDS), device)
        logits = model.decoder(ids[:, :-1], model.read(codes.vectors(owner[some], device)))
        return F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=PADDING, reduction="sum")

    return Head("captions", len(texts), captioner.Captioner(len(vocabulary), budget, codes), here, naive)


def masked_words(split: Split, codes: Codes, rows: np.ndarray, budget: Budget, device: torch.device) -> Head:
    """Captions of which some words are hidden and predicted."""
    encoder = load_text_encoder("tiny-clip", str(device))
    owner, rng = rows.repeat(word_probe.PER_IMAGE), np.random.default_rng(0)
    texts = one_each(split, owner.tolist(), rng)
    ranks = masking_ranks(encoder.tokenize(texts), rng)

    def batch(some: np.ndarray) -> tuple[Tensor, Tensor]:
        ids = cut(encoder.tokenize([texts[number] for number in some]).numpy(), device)
        return ids, torch.from_numpy(ranks[some, : ids.shape[1]] < 2).to(device)

    def here(model: word_probe.WordProbe) -> Tensor:
        ids, predict = batch(np.arange(len(texts)))
        return F.cross_entropy(model(codes.vectors(rows, device), ids, predict), ids[predict], reduction="sum")

    def naive(model: word_probe.WordProbe, some: np.ndarray) -> Tensor:
        ids, predict = batch(some)
        context = model.image(model.reader(codes.vectors(owner[some], device)))
        hidden = model.caption(model.words(ids.masked_fill(predict, model.mask)), ids != PADDING, context)
        return F.cross_entropy(model.word(hidden)[predict], ids[predict], reduction="sum")

    return Head("masked captions", len(texts), word_probe.WordProbe(encoder, codes, budget), here, naive)


def cut(ids: np.ndarray, device: torch.device) -> Tensor:
    """Ids [N, L] without the columns in which all is padding."""
    return torch.from_numpy(ids[:, : int((ids != PADDING).sum(1).max())]).to(device)


def by_turns(found: Head, budget: Budget, rounds: int, device: torch.device) -> list[float]:
    """Median seconds of a step: here, the naive way in one batch, and one by one."""

    def in_turn(model: torch.nn.Module) -> Tensor:
        return torch.stack([found.naive(model, every[number : number + 1]) for number in every]).sum()

    every = np.arange(found.texts)
    losses: tuple[Loss, ...] = (found.here, lambda model: found.naive(model, every), in_turn)
    models = [copy.deepcopy(found.model).to(device) for _ in losses]
    with torch.no_grad():
        first, *others = (loss(model) for loss, model in zip(losses, models, strict=True))
        for other in others:
            torch.testing.assert_close(other, first, rtol=1e-4, atol=0)
    seconds: list[list[float]] = [[] for _ in losses]
    for turn in range(rounds + 1):
        for loss, model, taken in zip(losses, models, seconds, strict=True):
            steps = 1 if loss is in_turn else STEPS
            started = time.perf_counter()
            head.fit(model, partial(_mean, loss, model, found.texts), dataclasses.replace(budget, steps=steps), device)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                taken.append((time.perf_counter() - started) / steps)
    return [statistics.median(taken) for taken in seconds]


def _mean(loss: Loss, model: torch.nn.Module, texts: int) -> Tensor:
    return loss(model) / texts


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", default="tiny", choices=PRESETS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    device, preset = torch.device(arguments.device), PRESETS[arguments.preset]
    budget, rows = preset.head, np.arange(preset.head.batch_size)
    with tempfile.TemporaryDirectory() as cache:
        data = datasets.get("emoji-scenes").load()(size=preset.image_size, limits={"train": 2_000})
        split = data.split("train", Path(cache))
    torch.manual_seed(0)
    indices = torch.randint(preset.codes, (len(split), preset.grid, preset.grid)).numpy()
    codes = Codes(indices, torch.randn(preset.codes, preset.width), True, lambda rows: rows)
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{named}; {arguments.preset}, {len(rows)} images a step, torch {torch.__version__}")
    print("| a step with | a second here | naively, one batch | times as fast | one by one | times as fast |")
    print("|---|--:|--:|--:|--:|--:|")
    for make in (answering, captioning, grounding, masked_words):
        found = make(split, codes, rows, budget, device)
        here, *others = by_turns(found, budget, arguments.rounds, device)
        compared = " | ".join(f"{found.texts / other:,.0f} | {other / here:.2f}" for other in others)
        print(f"| {found.texts} {found.unit} | {found.texts / here:,.0f} | {compared} |", flush=True)


if __name__ == "__main__":
    main()
