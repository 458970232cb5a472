"""Nouns and adjectives of a text encoder as rows of a codebook, and the graph that joins them."""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.util
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from bench.contracts.method import TextEncoder

PACKAGE = "lemminflect"
INSTALL = "pip install --no-deps lemminflect==0.2.3"
SHA256 = "fd6f807e796da07f2a430d073cefae17004f7147abda065bb48b129dc29a850f"
NEIGHBOURS = 4
"""Adjectives that a noun is joined with: few, so that the noun's embedding keeps a fair share of its row."""


class WordCodes(NamedTuple):
    """K rows of a codebook in the language model's space.

    names: K words or "adjective noun" pairs. embeddings: float32 [K, T].
    edges: int64 [2, E], undirected: each pair of rows once, no row with itself.
    """

    names: list[str]
    embeddings: Tensor
    edges: Tensor


class PartsOfSpeech(NamedTuple):
    """Lower-case words that can be adjectives, and all other words that can be nouns."""

    adjectives: frozenset[str]
    nouns: frozenset[str]


def lexicon() -> Path:
    """The word list of the package `lemminflect`, from the NIH SPECIALIST lexicon; the package is never imported.

    Raises:
        DataError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DataError(f"parts of speech need a lexicon: {INSTALL}")
    return Path(spec.origin).parent / "resources" / "lemma_lu.csv.gz"


@functools.cache
def parts_of_speech(path: Path) -> PartsOfSpeech:
    """Read a lexicon: gzipped lines "form,part of speech,lemma", where a form has a line for each part of speech.

    A word that can be both is an adjective, so that colours are. A single letter is no word, names are left out.

    Raises:
        DataError: the file is missing, or has another sha256 than `SHA256`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the lexicon {path}: {INSTALL}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"{path} is not the lexicon that is expected: {INSTALL}")
    words: dict[str, set[str]] = {"adj": set(), "noun": set()}
    for line in gzip.decompress(content).decode("utf-8").splitlines():
        word, part, _ = line.split(",", 2)
        if part in words and word.islower() and len(word) > 1:
            words[part].add(word)
    return PartsOfSpeech(frozenset(words["adj"]), frozenset(words["noun"] - words["adj"]))


def word_codes(text: TextEncoder, count: int) -> WordCodes:
    """The first `count` rows: nouns and adjectives in vocabulary order, then pairs of an adjective and a noun.

    Vocabularies are ordered by frequency, more or less, so pairs of early words come first: by the sum of the
    adjective's place among the adjectives and the noun's among the nouns, then by the adjective's. A pair has the mean
    of its words' embeddings and is joined with both. A noun is joined with the `NEIGHBOURS` adjectives of greatest
    cosine to it.

    Raises:
        UsageError: the vocabulary has too few adjectives and nouns; it says how many codes they make.
    """
    speech = parts_of_speech(lexicon())
    useful = speech.adjectives | speech.nouns
    known = sorted(useful & text.words.keys(), key=text.words.__getitem__)
    described = sum(word in speech.adjectives for word in known)
    largest = len(known) + described * (len(known) - described)
    if not 2 <= count <= largest:
        raise UsageError(
            f"{text.name} knows {described} adjectives and {len(known) - described} nouns, which make 2 to {largest} "
            f"codes and not {count}"
        )
    words = known[:count]
    adjectives = torch.tensor([row for row, word in enumerate(words) if word in speech.adjectives], dtype=torch.int64)
    nouns = torch.tensor([row for row, word in enumerate(words) if word in speech.nouns], dtype=torch.int64)
    pairs = _early_pairs(adjectives, nouns, count - len(words))
    embeddings = text.word_embeddings.detach().cpu()[[text.words[word] for word in words]].float()
    names = [*words, *(f"{words[adjective]} {words[noun]}" for adjective, noun in pairs.tolist())]
    edges = torch.cat([_nearest_adjectives(embeddings, adjectives, nouns), _pair_edges(pairs, len(words))], 1)
    return WordCodes(names, torch.cat([embeddings, embeddings[pairs].mean(1)]), edges)


def normalised_adjacency(edges: Tensor, count: int) -> Tensor:
    """The propagation of a graph convolution: D^-1/2 (A + I) D^-1/2 with D the row sums of A + I, sparse [K, K].

    Kipf & Welling 2017, arXiv 1609.02907, eq. 2.

    Args:
        edges: int64 [2, E], undirected, each once. count: K.
    """
    loops = torch.arange(count).expand(2, count)
    places = torch.cat([edges, edges.flip(0), loops], 1)
    scale = torch.bincount(places[0], minlength=count).rsqrt()
    return torch.sparse_coo_tensor(places, scale[places].prod(0), (count, count), check_invariants=True).coalesce()


def _early_pairs(adjectives: Tensor, nouns: Tensor, count: int) -> Tensor:
    """The first `count` pairs [count, 2] of an adjective's and a noun's row, in the order that `word_codes` states."""
    # places among the adjectives and among the nouns; the sum of both grows, and within a sum the adjective's place
    places = (
        (adjective, total - adjective)
        for total in range(len(adjectives) + len(nouns) - 1)
        for adjective in range(max(0, total - len(nouns) + 1), min(total + 1, len(adjectives)))
    )
    first, second = torch.tensor(list(islice(places, count)), dtype=torch.int64).view(-1, 2).T  # [count] each
    return torch.stack([adjectives[first], nouns[second]], 1)


def _nearest_adjectives(embeddings: Tensor, adjectives: Tensor, nouns: Tensor) -> Tensor:
    """Edges [2, E] from every noun; in float64, so that rounding, which differs by machine, decides no tie."""
    unit = F.normalize(embeddings.double(), dim=1)
    each = min(NEIGHBOURS, len(adjectives))
    chosen = (unit[nouns] @ unit[adjectives].T).topk(each, 1).indices
    return torch.stack([nouns.repeat_interleave(each), adjectives[chosen.flatten()]])


def _pair_edges(pairs: Tensor, start: int) -> Tensor:
    """Edges [2, 2P] from pairs [P, 2], which are rows `start` and following, to their words."""
    rows = start + torch.arange(len(pairs))
    return torch.stack([rows.repeat_interleave(2), pairs.flatten()])
