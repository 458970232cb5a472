"""A method on trial: what its duties are asked on. Networks, images and captions are made when first needed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.check import common
from bench.check.samples import BUILT_IN, CPU, PRESET, make_dataset
from bench.contracts.data import Split
from bench.contracts.duties import check_class
from bench.contracts.facts import MethodFacts
from bench.contracts.method import Batch, Method, TextBatch, TextEncoder, Tokenizer
from bench.contracts.registration import Entry
from bench.experiment.train import train
from bench.images import to_float
from bench.registry import all_metrics
from bench.system import streams
from bench.text.caption_features import CaptionFeatures
from bench.text.load import load_text_encoder

ENCODER = "tiny-clip"


@dataclass(frozen=True)
class MethodTrial:
    """entry: the method. folder: for prepared images and captions."""

    entry: Entry[MethodFacts]
    folder: Path

    @functools.cached_property
    def method(self) -> Method:
        """The method as registered."""
        method: Method = check_class(self.entry, all_metrics())(**common.given(self.entry))
        return method

    @functools.cached_property
    def text(self) -> TextEncoder | None:
        """The text encoder, where the method needs text."""
        return load_text_encoder(ENCODER) if self.method.needs_text else None

    @functools.cached_property
    def split(self) -> Split:
        """A few training images with captions."""
        return make_dataset(BUILT_IN).split("train", self.folder)

    @functools.cached_property
    def features(self) -> CaptionFeatures | None:
        """The captions of `split` as the text encoder sees them."""
        return CaptionFeatures.prepare(self.split, self.text, self.folder / "captions") if self.text else None

    def build(self, method: Method | None = None) -> Tokenizer:
        """An untrained tokenizer of the method, or of a changed one; always from the same seed."""
        torch.manual_seed(0)
        return (method or self.method).build(PRESET, BUILT_IN, self.text)

    def images(self, count: int) -> Tensor:
        """[count, 3, S, S] in [-1, 1]"""
        return to_float(self.split.images[:count], CPU)

    def batch(self) -> Batch:
        """A training batch."""
        text: TextBatch | None = None
        if self.features:
            text = self.features.sample(np.arange(PRESET.batch_size), streams.generator(0, "training captions"))
        return Batch(self.images(PRESET.batch_size), text)

    def train(self) -> Tokenizer:
        """A tokenizer after three steps, in evaluation mode."""
        tokenizer = self.build()
        if any(weight.requires_grad for weight in tokenizer.parameters()):
            train(tokenizer, self.split, self.features, PRESET, 0, CPU, lambda *_: None)
        return tokenizer.eval()

    @functools.cached_property
    def trained(self) -> Tokenizer:
        """`train`, once for all duties that change nothing."""
        return self.train()
