"""Caption metrics, computed by pycocoevalcap. Values are fractions, where papers print them times 100."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.errors import DataError, NotMeasurable
from bench.metrics.bleu_counts import bleu_counts, bleu_of
from bench.metrics.caption_words import java_version
from bench.registry import metrics
from bench.system import standard_error

References = Mapping[int, list[str]]
Captions = Mapping[int, list[str]]
"""Image number to tokenised texts: all references, or a list of the caption alone."""

CORENLP = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
NEWEST_FOR_SPICE = 15


class Scored(NamedTuple):
    """A value of all captions and a score of each, float64 [N], in the order of the images.

    BLEU and METEOR are not the mean of their scores: they add up counts over all captions first. So the value's
    standard error over images is not that of a mean either, and is given here, None of a single caption; elsewhere it
    is that of the scores' mean, and None here.
    """

    value: float
    per_image: np.ndarray
    error: float | None = None


@metrics.register("bleu", higher_is_better=True, unit="")
def bleu(references: References, captions: Captions) -> list[Scored]:
    """BLEU-1 to BLEU-4 (Papineni et al. 2002): closest reference length, no smoothing; errors by bootstrap."""
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    scorer = BleuScorer(n=4)
    for image, texts in references.items():
        scorer += (captions[image][0], texts)
    values, per_image = scorer.compute_score(option="closest", verbose=0)
    resamples = bleu_of(standard_error.resampled_sums(bleu_counts(scorer.ctest))).T
    return [
        Scored(value, np.array(scores), standard_error.of_resamples(others))
        for value, scores, others in zip(values, per_image, resamples, strict=True)
    ]


@metrics.register("rouge_l", higher_is_better=True, unit="")
def rouge_l(references: References, captions: Captions) -> Scored:
    """ROUGE-L (Lin 2004), beta 1.2, with the best precision and the best recall over references."""
    from pycocoevalcap.rouge.rouge import Rouge

    return Scored(*Rouge().compute_score(references, captions))


@metrics.register("cider_d", higher_is_better=True, unit="")
def cider_d(references: References, captions: Captions) -> Scored:
    """CIDEr-D (Vedantam et al. 2015), from 0 to 10: document frequencies are those of these references.

    So it depends on which images are scored together; of a single one it is 0.

    Raises:
        NotMeasurable: no reference has a word.
    """
    check_words(references)
    from pycocoevalcap.cider.cider import Cider

    return Scored(*Cider().compute_score(references, captions))


@metrics.register("spice", higher_is_better=True, unit="")
def spice(references: References, captions: Captions) -> Scored:
    """SPICE (Anderson et al. 2016): F1 over objects, attributes and relations.

    Raises:
        DataError: it fails, or cannot run here; the text says what is missing. Nothing is downloaded.
    """
    from pycocoevalcap.spice import spice as package

    version = java_version()
    missing = [name for name in CORENLP if not (Path(package.__file__).parent / "lib" / name).exists()]
    wrong = []
    if missing:
        wrong.append("CoreNLP 3.6.0 is missing; python -m pycocoevalcap.spice.get_stanford_models")
    if version > NEWEST_FOR_SPICE:
        wrong.append(f"it fails on Java {version}; put a Java 8 to {NEWEST_FOR_SPICE} first in PATH")
    if wrong:
        raise DataError("; and ".join(wrong))
    try:
        value, scores = package.Spice().compute_score(references, captions)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise DataError(f"SPICE's Java program failed: {error}") from error
    return Scored(value, np.array([score["All"]["f"] for score in scores]))


def check_words(references: References) -> None:
    """Raises NotMeasurable where no reference has a word, as captions of pictograms have none."""
    if not any(text.strip() for texts in references.values() for text in texts):
        raise NotMeasurable("no reference has a word")


def caption_length(captions: Captions) -> Scored:
    """Words of each caption, punctuation not counted."""
    return _mean([len(words.split()) for (words,) in captions.values()])


def novelty(captions: Sequence[str], training: Collection[str]) -> Scored:
    """Share of captions that are no training caption; all texts must be written alike (capitals, commas)."""
    return _mean([caption not in training for caption in captions])


def distinct_captions(captions: Sequence[str]) -> Scored:
    """Number of different captions over the number of captions; each image scores 1 / (images with its caption)."""
    counts = Counter(captions)
    return _mean([1 / counts[caption] for caption in captions])


def _mean(values: Sequence[float]) -> Scored:
    return Scored(float(np.mean(values)), np.array(values, np.float64))
