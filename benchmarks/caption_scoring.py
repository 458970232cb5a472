"""How long captions are scored: each part of the captioning task, and against pycocoevalcap as COCOEvalCap calls it.

    python benchmarks/caption_scoring.py [--images 2000] [--rounds 3]

Test images of emoji-scenes with a reference as the caption of each, that of the next image for every third. By turns,
after a turn to warm up, with one thread; medians of wall time. METEOR's paraphrases are kept by the first turn, whose
time is told apart; both have to give the same values.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import TypeVar

import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from bench.contracts.data import Split
from bench.metrics.captions import Captions, References, bleu, cider_d, novelty, rouge_l
from bench.metrics.meteor import meteor
from bench.registry import datasets
from bench.tasks.parts.language.caption_scores import check_references, tokenized
from bench.tasks.parts.language.named_objects import objects_named
from bench.tasks.parts.language.vocabulary import WORD

T = TypeVar("T")
Values = dict[str, float]


class Laps:
    """Seconds of named parts, turn after turn."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def of(self, part: str, call: Callable[[], T]) -> T:
        """What a call returns; its time is noted."""
        started = time.perf_counter()
        found = call()
        self.seconds[part].append(time.perf_counter() - started)
        return found


def ours(laps: Laps, split: Split, written: Sequence[str]) -> Values:
    """The metrics as the task computes them."""
    texts = dict(enumerate(split.captions))
    laps.of("check of references", lambda: check_references(texts))
    references, captions = laps.of("tokenizer", lambda: tokenized(dict(enumerate(written)), texts))
    values = {"CIDEr": laps.of("CIDEr-D", lambda: cider_d(references, captions).value)}
    of_bleu = laps.of("BLEU", lambda: bleu(references, captions))
    values |= {f"Bleu_{order}": scored.value for order, scored in enumerate(of_bleu, 1)}
    values["ROUGE_L"] = laps.of("ROUGE-L", lambda: rouge_l(references, captions).value)
    values["METEOR"] = laps.of("METEOR", lambda: meteor(references, captions, split.cache).value)
    return values


def theirs(laps: Laps, split: Split, written: Sequence[str]) -> Values:
    """The same by pycocoevalcap: its tokenizer twice, then each scorer."""

    def as_coco(texts: Sequence[Sequence[str]]) -> dict[int, list[dict[str, str]]]:
        return {image: [{"caption": text} for text in own] for image, own in enumerate(texts)}

    def cut() -> tuple[References, Captions]:
        cutter = PTBTokenizer()
        return cutter.tokenize(as_coco(split.captions)), cutter.tokenize(as_coco([[text] for text in written]))

    references, captions = laps.of("tokenizer", cut)
    values = {"CIDEr": laps.of("CIDEr-D", lambda: Cider().compute_score(references, captions)[0])}
    of_bleu = laps.of("BLEU", lambda: Bleu(4).compute_score(references, captions, verbose=0)[0])
    values |= {f"Bleu_{order}": value for order, value in enumerate(of_bleu, 1)}
    values["ROUGE_L"] = laps.of("ROUGE-L", lambda: Rouge().compute_score(references, captions)[0])
    values["METEOR"] = laps.of("METEOR", lambda: Meteor().compute_score(references, captions)[0])
    return values


def ours_alone(laps: Laps, split: Split, written: Sequence[str], train: Split) -> None:
    """What pycocoevalcap has nothing of."""

    def plain(texts: Iterable[str]) -> list[str]:
        return [" ".join(WORD.findall(text.lower())) for text in texts]

    laps.of("novelty", lambda: novelty(plain(written), set(plain(chain.from_iterable(train.captions)))))
    laps.of("objects named", lambda: objects_named(split, written, train.boxes))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    here, plain, alone = Laps(), Laps(), Laps()
    with tempfile.TemporaryDirectory() as folder:
        dataset = datasets.get("emoji-scenes").load()(limits={"test": arguments.images})
        train, split = (dataset.split(name, Path(folder)) for name in ("train", "test"))
        split = dataclasses.replace(split, cache=Path(folder) / "kept")
        written = [split.captions[(row + (row % 3 == 0)) % len(split)][row % 5] for row in range(len(split))]
        for _ in range(arguments.rounds + 1):
            values, expected = ours(here, split, written), theirs(plain, split, written)
            assert values == pytest.approx(expected, rel=1e-12), f"{values} is not {expected}"
            ours_alone(alone, split, written, train)
    print(f"{len(split):,} captions, {len(split.captions[0])} references each")
    print("| part | here, s | pycocoevalcap, s | times as fast |\n|---|--:|--:|--:|")
    whole = [sum(median(seconds[1:]) for seconds in laps.seconds.values()) for laps in (here, plain)]
    for part, seconds in here.seconds.items():
        _row(part, median(seconds[1:]), median(plain.seconds[part][1:]) if part in plain.seconds else None)
    _row("all of these", *whole)
    for part, seconds in alone.seconds.items():
        _row(part, median(seconds[1:]), None)
    print(f"METEOR the first time, when the paraphrases are picked: {here.seconds['METEOR'][0]:.1f} s")
    print("equal values: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))


def _row(part: str, ours: float, theirs: float | None) -> None:
    print(f"| {part} | {ours:.2f} | {'| |' if theirs is None else f'{theirs:.2f} | {theirs / ours:.2f} |'}")


if __name__ == "__main__":
    main()
