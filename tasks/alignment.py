"""Alignment: what the codes tell about the words of a caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from bench.codes import Codes
from bench.contracts import DataSet, MaskAt, Method, Score, Split, TaskResult, WordPredictor
from bench.errors import DataError
from bench.masking import masking_turns, most_frequent, piece_names
from bench.metrics.words import word_recall
from bench.presets import HeadBudget
from bench.registry import tasks

BATCH = 64
SHOWN = 12
MASKED = (1, 3)
MASK_AT: dict[str, MaskAt] = {"": "words", "after-encoding": "features"}
"""Variant to where words are masked."""
COLUMNS = ("", "no-image", "after-encoding", "after-encoding-no-image")
"""Variants shown for a person to look at."""

Vectors = Callable[[np.ndarray], Tensor]
"""Numbers of test images to code vectors [B, h*w, D]."""


@tasks.register("alignment", needs=("captions",), metrics=("word_recall",))
class Alignment:
    """Masked words of the test captions, predicted from codes by the method's own head (LG-VQ, Table 3).

    The main value masks a word before the text encoder reads the caption. LG-VQ's released code masks it after that,
    in the encoder's output, where all later positions still carry it: "after-encoding" shows how far that leak goes.
    A head trained the released way has never met the encoder's mask token, so compare each value with those without
    an image and with another one first.
    """

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "score": "share of all masked words whose best guess over the whole vocabulary is right",
            "captions": "one of each test image, drawn with the seed",
            "masked": f"{' and '.join(map(str, MASKED))} word pieces of a caption drawn with the seed, nested; "
            "all where it has fewer",
            "mask": "the text encoder's mask token stands for the word, and the method's own for what is encoded of it",
            "after-encoding": "the method's own mask only; the text encoder has read the word",
            "no-image": "mean code vector of the training images at each position",
            "shuffled-image": "code vectors of another test image",
            "most-frequent": "always the most frequent word piece of all training captions",
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Only a method with a masked-word head of its own has something to measure."""
        return None if getattr(method, "predicts_words", False) else "the method has no masked-word head"

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: HeadBudget,  # noqa: ARG002 - nothing is fitted
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; nothing is fitted, and only "test" is scored.

        Raises:
            DataError: a test image has no caption.
            ValueError: the tokenizer has no masked-word head.
        """
        words = None if codes is None else codes["test"].words
        if codes is None or words is None:
            raise ValueError("the tokenizer has no masked-word head")
        draw = np.random.default_rng([seed, 0])
        captions = _one_each(dataset["test"], draw)
        ids = words.tokenize(captions)
        turns = masking_turns(ids, draw)
        images = _images(codes, draw, device)
        training = [caption for own in dataset["train"].captions for caption in own]
        constant = np.full(ids.shape, most_frequent(words, training))
        names = piece_names(words, [*captions, *training])

        result = TaskResult(metrics={})
        for count in MASKED:
            masked = turns < count
            guesses = {"most-frequent": constant}
            for at, mask_at in MASK_AT.items():
                for image, vectors in images.items():
                    variant = "-".join(filter(None, (at, image)))
                    guesses[variant] = _guess(words, vectors, ids, masked, mask_at, device)
            for variant, guessed in guesses.items():
                _score(result, f"/mask-{count}" + (f"@{variant}" if variant else ""), guessed, ids.numpy(), masked)
            result.samples[f"mask-{count}.md"] = _sample(captions, ids.numpy(), masked, guesses, names)
        return result


def derangement(count: int, draw: np.random.Generator) -> np.ndarray:
    """A permutation of `count` numbers that leaves none in its place (where there are two or more): one cycle."""
    cycle = draw.permutation(count)
    other = np.empty_like(cycle)
    other[cycle] = np.roll(cycle, 1)
    return other


def _one_each(split: Split, draw: np.random.Generator) -> list[str]:
    """A caption of each image."""
    if len(split.captions) != len(split) or not all(split.captions):
        raise DataError(f"the {split.name} split has images without a caption")
    return [own[int(draw.integers(len(own)))] for own in split.captions]


def _images(codes: Mapping[str, Codes], draw: np.random.Generator, device: torch.device) -> dict[str, Vectors]:
    """Variant to what stands for the test images."""
    test, mean = codes["test"], _mean_vectors(codes["train"], device)
    other = derangement(len(test), draw)
    return {
        "": lambda rows: test.vectors(rows, device),
        "no-image": lambda rows: mean.expand(len(rows), -1, -1),
        "shuffled-image": lambda rows: test.vectors(other[rows], device),
    }


def _mean_vectors(codes: Codes, device: torch.device) -> Tensor:
    """Mean code vector at each position, float32 [h*w, D]."""
    total = torch.zeros(codes.grid[0] * codes.grid[1], codes.width, dtype=torch.float64)
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        total += codes.vectors(rows, device).double().sum(0).cpu()
    return (total / len(codes)).float().to(device)


def _guess(
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


def _score(result: TaskResult, name: str, guessed: np.ndarray, ids: np.ndarray, masked: np.ndarray) -> None:
    """Recall over all masked words; beside each word's score, its image."""
    found = word_recall(guessed, ids, masked)
    result.metrics[f"word_recall{name}"] = Score(float(found.mean(dtype=np.float64)), len(found))
    result.per_example[f"word_recall{name}"] = found
    result.per_example[f"image{name}"] = np.nonzero(masked)[0]


def _sample(
    captions: Sequence[str], ids: np.ndarray, masked: np.ndarray, guesses: dict[str, np.ndarray], names: dict[int, str]
) -> str:
    """Evenly spaced captions with a masked word of each and the guesses, for a person to look at."""
    heading = ["caption", "masked word", *(variant.replace("-", " ") or "guess" for variant in COLUMNS)]
    lines = [heading, ["---"] * len(heading)]
    having = np.flatnonzero(masked.any(1))
    for row in having[np.linspace(0, len(having) - 1, min(SHOWN, len(having))).astype(int)]:
        place = masked[row].argmax()
        found = [ids[row, place], *(guesses[variant][row, place] for variant in COLUMNS)]
        lines.append([captions[row], *(names.get(int(id_), f"piece {id_}") for id_ in found)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
