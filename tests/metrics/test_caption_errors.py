"""Standard errors of BLEU and METEOR: counts that give the values again, and their spread over other images."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.bleu.bleu_scorer import BleuScorer

from bench.metrics import captions
from bench.metrics.bleu_counts import bleu_counts, bleu_of
from bench.metrics.captions import Captions, References
from bench.metrics.meteor_counts import meteor_counts, meteor_of

WORDS = ["a", "the", "dog", "dogs", "cat", "bird", "sits", "sitting", "runs", "on", "in", "red", "near", "tree"]
METEOR_SAYS = [
    f"{counts} {'0.0 ' * 12}{last}"
    for counts, last in (
        ("8.0 10.0 5.0 5.0 3.0 3.0 3.0 3.0", "4.0 6.0 6.0"),
        ("5.0 4.0 3.0 2.0 2.0 2.0 2.0 2.0", "1.0 4.0 4.0"),
        ("2.0 5.0 1.0 3.0 0.0 0.0 1.0 1.0", "1.0 1.0 1.0"),
        ("2.0 2.0 1.0 1.0 1.0 1.0 1.0 1.0", "1.0 2.0 2.0"),
        ("0.0 3.0 0.0 1.0 0.0 0.0 0.0 0.0", "0.0 0.0 0.0"),
    )
] + [
    "6.0 7.0 2.0 2.0 1.0 1.0 0.0 0.0 1.0 1.0 0.0 0.0 0.0 0.0 0.0 0.0 2.0 2.0 2.0 2.0 1.0 6.0 6.0",
    "6.0 9.0 3.0 6.0 0.0 0.0 3.0 3.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 1.0 1.0 0.0 1.0 2.0 4.0 5.0",
    "8.0 8.0 4.0 4.0 0.0 0.0 3.0 3.0 0.0 0.0 0.0 0.0 2.0 2.0 0.0 0.0 2.0 2.0 1.0 1.0 2.0 8.0 8.0",
]
"""What METEOR 1.5 counts of eight captions: equal words, stems, synonyms, paraphrases; one is equal, one empty."""
METEOR_OF_EACH = [
    0.2806713632110765, 0.5352491092484717, 0.04848484848484849, 1.0,
    0.0, 0.3368432505060847, 0.17902423544150875, 0.4089637725351604,
]  # fmt: skip
METEOR_OF_ALL = 0.28831441905683364
"""What it makes of them."""


def texts(count: int = 80) -> tuple[References, Captions]:
    """Captions that say their reference with some words changed, left out or repeated; one is empty, some are equal."""
    draw = random.Random(1)
    references, said = {}, {}
    for image in range(count):
        words = draw.choices(WORDS, k=draw.randint(4, 12))
        references[image] = [" ".join(words), " ".join(draw.choices(WORDS, k=8))]
        changed = [draw.choice(WORDS) if draw.random() < 0.3 else word for word in words if draw.random() < 0.9]
        said[image] = [" ".join(words if image % 10 == 3 else changed)]
    return references, said | {7: [""]}


def drawn(references: References, said: Captions, rng: np.random.Generator) -> tuple[References, Captions]:
    """Other images: as many of these, with replacement."""
    rows = rng.integers(len(said), size=len(said)).tolist()
    return {i: references[row] for i, row in enumerate(rows)}, {i: said[row] for i, row in enumerate(rows)}


def test_bleu_is_that_of_the_counts() -> None:
    references, said = texts()
    scorer = BleuScorer(n=4)
    for image, of_image in references.items():
        scorer += (said[image][0], of_image)
    counts = bleu_counts(scorer.ctest)
    assert counts.shape == (80, 10)
    found = bleu_of(counts.sum(0, keepdims=True))[0]
    values, per_image = Bleu().compute_score(references, said, verbose=0)
    assert found == pytest.approx(np.array(values), rel=1e-12)
    of_each = bleu_of(counts).T
    assert of_each == pytest.approx(np.array(per_image), rel=1e-9, abs=1e-15)
    ours = captions.bleu(references, said)
    assert [scored.value for scored in ours] == values  # to the last bit: what was measured stays what it was
    assert [scored.per_image.tolist() for scored in ours] == per_image


def test_the_error_of_bleu_is_its_spread_over_other_images() -> None:
    references, said = texts()
    rng = np.random.default_rng(3)
    others = [Bleu().compute_score(*drawn(references, said, rng), verbose=0)[0] for _ in range(300)]
    found = [scored.error for scored in captions.bleu(references, said)]
    assert found == pytest.approx(np.std(others, axis=0, ddof=1), rel=0.15)
    assert [scored.error for scored in captions.bleu({0: references[0]}, {0: said[0]})] == [None] * 4


def test_bleu_of_perfect_and_of_hopeless_captions_is_sure() -> None:
    perfect = {image: of_image[:1] for image, of_image in texts()[0].items()}
    assert [scored.error for scored in captions.bleu(perfect, perfect)] == pytest.approx([0] * 4, abs=1e-9)
    hopeless = {image: ["nothing of it at all"] for image in perfect}
    assert [scored.error for scored in captions.bleu(perfect, hopeless)] == pytest.approx([0] * 4, abs=1e-3)


def test_meteor_is_that_of_the_counts() -> None:
    found = meteor_counts(METEOR_SAYS)
    assert meteor_of(found) == pytest.approx(METEOR_OF_EACH, rel=1e-12)
    assert meteor_of(found.sum(0, keepdims=True)) == pytest.approx([METEOR_OF_ALL], rel=1e-12)


def test_meteor_by_hand() -> None:
    """Denkowski and Lavie 2014, equations 1 to 5: "the cat" for "the black cat", one gap, "the" a function word."""
    line = "2 3 1 1 " + "1 1 1 1 " + "0 0 0 0 " * 3 + "2 2 2"
    precision, recall = 1.0, (0.75 + 0.25) / (0.75 * 2 + 0.25)
    f_mean = precision * recall / (0.85 * precision + 0.15 * recall)
    assert meteor_of(meteor_counts([line])) == pytest.approx([f_mean * (1 - 0.6 * (2 / 2) ** 0.2)])
    equal = "2 2 1 1 " + "1 1 1 1 " + "0 0 0 0 " * 3 + "1 2 2"
    assert meteor_of(meteor_counts([equal])).tolist() == [1]
    nothing = "0 2 0 1 " + "0 0 0 0 " * 4 + "0 0 0"
    assert meteor_of(meteor_counts([nothing])).tolist() == [0]
    with pytest.raises(ValueError, match="could not convert"):
        meteor_counts(["Error: no table"])
    with pytest.raises(ValueError, match="reshape"):
        meteor_counts(["1 2 3"])
