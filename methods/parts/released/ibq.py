"""IBQ of SEED-Voken: taming's network, and the code of largest inner product (Shi et al. 2024, arXiv:2412.02692)."""

from __future__ import annotations

from pydantic import BaseModel
from torch import Tensor
from typing_extensions import override

from bench.methods.parts.released.config import validated
from bench.methods.parts.released.network import Sides, Source, fill, most_alike, outline
from bench.methods.parts.released.taming import Parameters, TamingTokenizer


class Model(BaseModel):
    """The yaml's `model`, as Lightning's command line writes it."""

    init_args: Parameters


class Config(BaseModel):
    """A yaml of IBQ's."""

    model: Model


class IbqTokenizer(TamingTokenizer):
    """`IBQ`: a feature's logits are its inner products with all codes, so the code chosen need not be the nearest."""

    @override
    def choose(self, rows: Tensor) -> Tensor:
        return most_alike(rows, self.codebook)


def build(source: Source, sides: Sides) -> IbqTokenizer:
    """The tokenizer of a yaml and a checkpoint.

    Raises:
        DataError: the files do not fit. UsageError: nor do the images.
    """
    parameters = validated(Config, source.values, source.config).model.init_args
    with outline():
        tokenizer = IbqTokenizer(parameters, sides)
    return fill(tokenizer, source.state, source.weights)
