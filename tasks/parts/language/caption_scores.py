"""All caption metrics of a split: texts are checked and cut into words, and metrics that cannot run are skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.errors import DataError
from bench.metrics.caption_words import tokenize, tokenizer_name
from bench.metrics.captions import Captions, References, Scored, bleu, caption_length, cider_d, rouge_l, spice
from bench.metrics.meteor import meteor


def protocol() -> dict[str, object]:
    """What determines the values besides the captions."""
    return {
        "scorer": f"pycocoevalcap {version('pycocoevalcap')}; fractions, which papers print times 100",
        "tokenizer": tokenizer_name(),
        "references": "all captions of an image; document frequencies of CIDEr-D are those of the split that is scored",
    }


def scores(references: References, captions: Captions) -> dict[str, Scored]:
    """The metrics that run everywhere, by name."""
    return {
        "cider_d": cider_d(references, captions),
        **{f"bleu_{order}": scored for order, scored in enumerate(bleu(references, captions), 1)},
        "rouge_l": rouge_l(references, captions),
        "caption_length": caption_length(captions),
    }


def java_scores(
    references: References, captions: Captions, cache: Path | None = None
) -> tuple[dict[str, Scored], dict[str, str]]:
    """The metrics that are Java programs, by name; and by name why a metric among them cannot run here.

    cache: see `bench.metrics.meteor.meteor`.
    """
    measured, skipped = {}, {}
    programs = {"meteor": lambda: meteor(references, captions, cache), "spice": lambda: spice(references, captions)}
    for name, program in programs.items():
        try:
            measured[name] = program()
        except DataError as error:
            skipped[name] = str(error)
    return measured, skipped


def check_references(references: Mapping[int, Sequence[str]]) -> None:
    """Raises DataError where an image's references are not a list of strings, or none."""
    for image, texts in references.items():
        if isinstance(texts, str) or not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(f"the captions of image {image} are not a list of strings: {texts!r:.60}")


def tokenized(captions: Mapping[int, str], references: Mapping[int, Sequence[str]]) -> tuple[References, Captions]:
    """References and captions as the metrics take them: cut into words, in the order of the captions.

    Args:
        captions: image number to the caption that is scored. references: image number to its true captions.

    Raises:
        DataError: not every image has both, or one of them is not what it should be.
    """
    if captions.keys() != references.keys():
        odd = sorted(captions.keys() ^ references.keys())
        raise DataError(f"images with a caption or references but not both: {len(odd)}, the first is {odd[0]}")
    check_references(references)
    for image, caption in captions.items():
        if not isinstance(caption, str):
            raise DataError(f"the caption of image {image} is not a string: {caption!r:.60}")
    words = iter(tokenize([text for image, caption in captions.items() for text in (caption, *references[image])]))
    cut_captions, cut_references = {}, {}
    for image in captions:
        cut_captions[image] = [next(words)]
        cut_references[image] = [next(words) for _ in references[image]]
    return cut_references, cut_captions
