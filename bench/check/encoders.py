"""What frozen networks promise: feature extractors of images, and text encoders."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.check import common
from bench.check.report import Duty, Line, NotAsked, hold
from bench.check.samples import BUILT_IN, CPU, Place, make_dataset
from bench.contracts.facts import ExtractorFacts, TextEncoderFacts
from bench.contracts.method import TextEncoder
from bench.contracts.registration import Entry
from bench.errors import ContractError, UsageError
from bench.features.extractor import Extractor, load_extractor

IMAGES = 4
TEXTS = ["a red square", "a word that nobody knows: qwxyz", "one " * 200]
"""An easy one, a strange one, and one that has to be cut."""


@dataclass(frozen=True)
class ExtractorTrial:
    """entry: the extractor. folder: for prepared images."""

    entry: Entry[ExtractorFacts]
    folder: Path

    @functools.cached_property
    def extractor(self) -> Extractor:
        """On the processor."""
        return load_extractor(self.entry.name)

    @functools.cached_property
    def images(self) -> np.ndarray:
        """uint8 [4, S, S, 3]"""
        return make_dataset(BUILT_IN).split("test", self.folder).images[:IMAGES]


@dataclass(frozen=True)
class TextTrial:
    """entry: the text encoder."""

    entry: Entry[TextEncoderFacts]

    @functools.cached_property
    def encoder(self) -> TextEncoder:
        """On the processor.

        Raises:
            NotAsked: it takes an argument that only the user knows.
        """
        try:
            encoder: TextEncoder = self.entry.load()("", CPU)
            return encoder
        except UsageError as error:
            raise NotAsked(str(error)) from error


def check_extractor(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:
    """Ask all duties of a feature extractor."""
    return hold(plugin, entry.path, ExtractorTrial(entry, place.scratch), EXTRACTOR_DUTIES)


def check_text_encoder(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:  # noqa: ARG001 - as for all kinds
    """Ask all duties of a text encoder."""
    return hold(plugin, entry.path, TextTrial(entry), TEXT_DUTIES)


def has_features(trial: ExtractorTrial) -> str:
    """Finite floats [B, F]; returns F."""
    features = trial.extractor.features(trial.images)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != IMAGES:
        raise ContractError(
            f"features of {IMAGES} images are {getattr(features, 'shape', features)}, not [{IMAGES}, F]"
        )
    if not features.is_floating_point() or not features.isfinite().all():
        raise ContractError("features are not all finite floats")
    return f"F = {features.shape[1]}"


def sees_each_image_alone(trial: ExtractorTrial) -> None:
    """An image's features do not depend on its batch."""
    together = trial.extractor.features(trial.images)
    alone = torch.cat([trial.extractor.features(trial.images[i : i + 1]) for i in range(IMAGES)])
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-3 * float(together.abs().max())):
        raise ContractError("an image's features depend on the images beside it")


def tokenizes(trial: TextTrial) -> str:
    """int64 [B, L] of ids in [0, V), whatever the text; returns L and V."""
    encoder = trial.encoder
    ids = encoder.tokenize(TEXTS)
    if ids.dtype != torch.int64 or ids.ndim != 2 or len(ids) != len(TEXTS) or ids.shape[1] > encoder.length:
        raise ContractError(f"tokenize gives {ids.dtype} {list(ids.shape)}, not int64 [{len(TEXTS)}, {encoder.length}]")
    if int(ids.min()) < 0 or int(ids.max()) >= encoder.vocabulary or not (ids != 0).any(1).all():
        raise ContractError(f"tokenize gives ids from {int(ids.min())} to {int(ids.max())}, of {encoder.vocabulary}")
    return f"{encoder.length} tokens of {encoder.vocabulary}"


def encodes_text(trial: TextTrial) -> str:
    """Finite features of tokens [B, L, T] and sentences [B, T], without gradients; returns T."""
    ids = trial.encoder.tokenize(TEXTS)
    tokens, sentences = trial.encoder.encode(ids)
    wanted = [[*ids.shape, trial.encoder.width], [len(ids), trial.encoder.width]]
    if [list(tokens.shape), list(sentences.shape)] != wanted:
        raise ContractError(
            f"encode gives {list(tokens.shape)} and {list(sentences.shape)}, not {wanted[0]} and {wanted[1]}"
        )
    if not tokens.isfinite().all() or not sentences.isfinite().all() or tokens.requires_grad:
        raise ContractError("features are not all finite, or carry gradients")
    return f"T = {trial.encoder.width}"


def has_word_embeddings(trial: TextTrial) -> None:
    """Embeddings [V, T], and words whose ids are in the vocabulary."""
    encoder = trial.encoder
    if list(encoder.word_embeddings.shape) != [encoder.vocabulary, encoder.width]:
        given, wanted = list(encoder.word_embeddings.shape), [encoder.vocabulary, encoder.width]
        raise ContractError(f"word_embeddings are {given}, not {wanted}")
    if not 0 <= encoder.mask_id < encoder.vocabulary:
        raise ContractError(f"mask_id is {encoder.mask_id}, of {encoder.vocabulary}")
    if wrong := [word for word, id_ in encoder.words.items() if not 0 <= id_ < encoder.vocabulary]:
        raise ContractError(f"the word {wrong[0]!r} has an id that is not in the vocabulary")


def check_fingerprint(first: object, second: object) -> None:
    """Text, the same when asked again.

    Raises:
        ContractError: it is not.
    """
    if not isinstance(first, str) or not first or first != second:
        raise ContractError(f"fingerprint gives {first!r}, then {second!r}; it is one text")


EXTRACTOR_DUTIES = (
    Duty[ExtractorTrial](common.ABOUT, lambda trial: common.check_about(trial.entry)),
    Duty[ExtractorTrial]("is made with the name of a device", lambda trial: trial.extractor.name, first=True),
    Duty[ExtractorTrial](
        "has a fingerprint", lambda trial: check_fingerprint(*(trial.extractor.fingerprint() for _ in range(2)))
    ),
    Duty[ExtractorTrial]("turns images into features", has_features, first=True),
    Duty[ExtractorTrial]("sees each image whatever its batch", sees_each_image_alone),
)
TEXT_DUTIES = (
    Duty[TextTrial](common.ABOUT, lambda trial: common.check_about(trial.entry)),
    Duty[TextTrial]("is made with an argument and a device", lambda trial: trial.encoder.name, first=True),
    Duty[TextTrial](
        "has a fingerprint", lambda trial: check_fingerprint(*(trial.encoder.fingerprint() for _ in range(2)))
    ),
    Duty[TextTrial]("turns texts into ids", tokenizes, first=True),
    Duty[TextTrial]("turns ids into features", encodes_text),
    Duty[TextTrial]("has words and their embeddings", has_word_embeddings),
)
