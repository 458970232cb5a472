"""WUPS: how near a wrong answer is to the right answer in WordNet's tree of nouns."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from bench.errors import DataError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

Folder = Path | zipfile.Path

THRESHOLDS = (0.9, 0.0)
BELOW = 0.1
"""Factor on a similarity below the threshold."""
NOUNS = ("data.noun", "index.noun")
LEXICOGRAPHERS = 45
"""Number of WordNet's source files; the line of a synset begins with the number of the file it is from."""


def wups(similarity: np.ndarray, threshold: float) -> np.ndarray:
    """WUPS (Malinowski and Fritz 2014) from similarities [N], float64 [N]: what is below the threshold counts a tenth.

    COCO-QA (Ren et al. 2015) reports it at 0.9 and at 0, where it is the similarity itself.
    """
    return np.where(similarity < threshold, BELOW * similarity, similarity)


def answer_similarity(answers: Sequence[str], truth: Sequence[str]) -> np.ndarray:
    """Wu-Palmer similarity of each answer to the true one as in COCO-QA's script, float64 [N].

    1 for the same string; 0 where either is no noun in WordNet; else the best over all pairs of noun senses. nltk may
    settle on another common ancestor when a pair is turned round, and the script takes the lower of both values.
    The script is for answers of one word; here the words of a longer one are joined by underscores ("hot_dog").

    Raises:
        DataError: WordNet is missing or cannot be read; the text says how to get it.
        ValueError: there are not as many answers as true ones.
    """
    root = find_wordnet()
    pairs = [sorted(pair) for pair in zip(answers, truth, strict=True)]
    return np.array([_similarity(root, *pair) for pair in pairs], np.float64)


def protocol() -> dict[str, object]:
    """What determines the values besides the answers; "wordnet" is the hash of its nouns, None where it is missing."""
    try:
        wordnet = _fingerprint(find_wordnet())
    except DataError:
        wordnet = None
    return {
        "wups": f"same string 1, no noun in WordNet 0, else nltk's Wu-Palmer, best over noun senses, the lower of both "
        f"orders, times {BELOW:g} below the threshold; a longer answer's words are joined by underscores",
        "wordnet": wordnet,
    }


@functools.cache
def find_wordnet() -> Folder:
    """The folder of WordNet's files: $WNSEARCHDIR, $WNHOME/dict, share/wordnet, or where nltk's downloader puts them.

    Raises:
        DataError: it is in none of these places.
    """
    for place in _places():
        if all(place.joinpath(name).is_file() for name in NOUNS):
            return place
    raise DataError("WordNet is missing; apt-get install wordnet-base, or python -m nltk.downloader wordnet")


def _places() -> Iterator[Folder]:
    """Where WordNet may lie, the first first."""
    if "WNSEARCHDIR" in os.environ:
        yield Path(os.environ["WNSEARCHDIR"]).resolve()
    if "WNHOME" in os.environ:
        yield Path(os.environ["WNHOME"]).resolve() / "dict"
    yield Path(sys.prefix) / "share" / "wordnet"
    yield Path("/usr/share/wordnet")
    import nltk

    for folder in nltk.data.path:
        corpora = Path(folder) / "corpora"
        yield corpora / "wordnet"
        if zipfile.is_zipfile(corpora / "wordnet.zip"):
            yield zipfile.Path(corpora / "wordnet.zip", "wordnet/")


@functools.cache
def _fingerprint(root: Folder) -> str:
    """sha256 of WordNet's nouns."""
    return hashlib.sha256(b"".join(root.joinpath(name).read_bytes() for name in NOUNS)).hexdigest()


@functools.cache
def _reader(root: Folder) -> WordNetCorpusReader:
    """nltk's reader, without the two files that only nltk's edition of WordNet has and that nouns do not need."""
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader, WordNetError

    class Reader(WordNetCorpusReader):
        def open(self, file: str) -> TextIO:
            if file == "lexnames":
                return io.StringIO("".join(f"{number}\tunnamed\t0\n" for number in range(LEXICOGRAPHERS)))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:  # noqa: ARG002 - only other languages are mapped
            return None

        @functools.cache  # noqa: B019 - the only reader; nltk asks for every pair of senses, and reads the file again
        def get_version(self) -> str | None:
            return super().get_version()

    nltk.data.path.append(str(root))  # nltk reads nothing that lies elsewhere
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are no other languages
            return Reader(str(root), None)
    except (OSError, ValueError, StopIteration, WordNetError) as error:
        raise DataError(f"cannot read WordNet in {root}: {error}") from error


@functools.cache
def _similarity(root: Folder, first: str, second: str) -> float:
    """The lower of the similarities in both orders, 1 for equal strings."""
    return 1.0 if first == second else min(_best(root, first, second), _best(root, second, first))


def _best(root: Folder, first: str, second: str) -> float:
    """The best Wu-Palmer similarity over the noun senses of two words, 0 where there are none."""
    senses = [_reader(root).synsets(word.replace(" ", "_"), "n") for word in (first, second)]
    return max((noun.wup_similarity(other) for noun in senses[0] for other in senses[1]), default=0.0)
