"""Captioning: a caption is written from frozen codes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.images import grid_png
from bench.metrics.captions import distinct_captions, novelty
from bench.presets import Budget
from bench.registry import tasks
from tasks.parts.language import caption_scores
from tasks.parts.language.captions import check_captions
from tasks.parts.language.vocabulary import WORD, Vocabulary
from tasks.parts.networks import captioner

ELSEWHERE = ("cider_d", "bleu_4")
"""What is measured on further test splits."""
SHOWN = 16


@tasks.register(
    "captioning",
    needs=("captions",),
    metrics=(
        "cider_d",
        "bleu_4",
        "bleu_1",
        "bleu_2",
        "bleu_3",
        "rouge_l",
        "meteor",
        "spice",
        "caption_length",
        "novelty",
        "distinct_captions",
    ),
    blind="most frequent caption",
)
@dataclass(frozen=True)
class Captioning:
    """Captions from a GPT whose prefix is the code vectors (LG-VQ, arXiv 2405.14206, App. A.1, after ClipCap).

    It is trained from scratch, since the paper does not say which weights it starts from, and writes by beam search or
    nucleus sampling, as ClipCap does. The blind baseline says the most frequent training caption of every image.
    """

    decoding: Literal["beam", "nucleus"] = "beam"

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        _, decoding = captioner.DECODERS[self.decoding]
        return {"version": 1, "decoding": decoding, **captioner.PROTOCOL, **caption_scores.protocol()}

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method has code vectors, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`.

        Raises:
            DataError: an image has no captions, or not a list of strings.
            TrainingDiverged: the head's loss is not finite.
        """
        tests = [name for name in dataset if name.startswith("test")]
        for name in ("train", *tests):
            check_captions(dataset[name])
            caption_scores.check_references(dict(enumerate(dataset[name].captions)))
        training = [text for own in dataset["train"].captions for text in own]
        result = TaskResult(metrics={})
        if codes is None:
            said = {name: [_most_frequent(training)] * len(dataset[name]) for name in tests}
        else:
            said = self._write(result, tests, codes, dataset["train"], Vocabulary(training), budget, seed, device)
        for name in tests:
            _score(result, name, said[name], dataset[name], training)
        result.samples = _samples(dataset["test"], said["test"])
        return result

    def _write(
        self,
        result: TaskResult,
        tests: Sequence[str],
        codes: Mapping[str, Codes],
        split: Split,
        vocabulary: Vocabulary,
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> dict[str, list[str]]:
        """Captions of the images of all test splits, from a network fitted to the training split."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = captioner.Captioner(len(vocabulary), budget, codes["train"]).to(device)
        captioner.fit(model, vocabulary, split, codes["train"], budget, seed, device)
        decode, _ = captioner.DECODERS[self.decoding]
        said = {}
        for name in tests:
            started = time.perf_counter()
            said[name] = captioner.write(model, vocabulary, codes[name], decode, seed, device)
            if name == "test":
                result.cost["caption_ms_per_image"] = 1000 * (time.perf_counter() - started) / len(said[name])
        return said


def _most_frequent(texts: Sequence[str]) -> str:
    """The first in the alphabet where several are."""
    times = Counter(texts)
    return min(times, key=lambda text: (-times[text], text))


def _score(result: TaskResult, name: str, said: Sequence[str], split: Split, training: Sequence[str]) -> None:
    """Add what is measured of a test split's captions."""
    references, captions = caption_scores.tokenized(dict(enumerate(said)), dict(enumerate(split.captions)))
    found = caption_scores.scores(references, captions)
    if name == "test":
        of_java, result.skipped = caption_scores.java_scores(references, captions)
        plain = [_plain(text) for text in said]
        new = novelty(plain, {_plain(text) for text in training})
        found |= {**of_java, "novelty": new, "distinct_captions": distinct_captions(plain)}
    else:
        found = {f"{metric}@{name.removeprefix('test-')}": found[metric] for metric in ELSEWHERE}
    for metric, scored in found.items():
        result.metrics[metric] = Score(scored.value, len(said))
        result.per_example[metric] = scored.per_image


def _plain(text: str) -> str:
    """A caption as the network could have written it."""
    return " ".join(WORD.findall(text.lower())[: captioner.WORDS - 1])


def _samples(split: Split, said: Sequence[str]) -> dict[str, bytes | str]:
    """Evenly spaced images with what was said of them and two references, row by row."""
    shown = np.linspace(0, len(split) - 1, min(SHOWN, len(split))).astype(int)
    lines = ["| image | caption | references |", "|--:|---|---|"]
    for number, row in enumerate(shown, 1):
        lines.append(f"| {number} | {said[row]} | {' / '.join(split.captions[row][:2])} |")
    images = np.stack([split.images[row] for row in shown])
    return {"captions.md": "\n".join(lines) + "\n", "images.png": grid_png(images, columns=4, scale=3)}
