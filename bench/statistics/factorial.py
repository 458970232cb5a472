"""Contrasts of methods from all their trainings, and the effects of a complete two-level factorial design."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.design import Design, design
from bench.statistics.effect import Effect
from bench.statistics.noise import image_noise, training_noise
from bench.statistics.parts import Part, both, effect_of
from bench.statistics.trainings import Trainings
from bench.statistics.two_way import error_of, of_images

ROUNDING = 1e-9
"""Share of the weights that their sum may differ from 0 by."""


class _Group(NamedTuple):
    """Methods with the same images, and what one image adds by chance in one training of theirs."""

    methods: list[int]
    noise: float


class _Known(NamedTuple):
    """What all contrasts of these methods need. worst: the largest error over images of any method."""

    tables: Sequence[Trainings]
    design: Design
    values: np.ndarray
    trainings: Part
    groups: list[_Group]
    worst: float | None


def contrast(tables: Sequence[Trainings], weights: Sequence[float]) -> Effect | None:
    """sum(weights * methods' values), from all trainings of the methods.

    The estimate is that of least squares of value ~ method + seed where seeds are shared (see `Design.blocked`), of the
    methods' means otherwise. The variance of trainings is pooled over all methods, which is what makes a contrast of
    many surer than that of a pair. Images are crossed with trainings and random as in `two_way`: their part is the
    variance of the contrast of each image.

    Args:
        weights: one a method; their sum is 0.

    Returns:
        None if no method has two trainings, or if they are too far apart for numbers.

    Raises:
        ValueError: the sum is another, or there are not as many.
    """
    total, size = math.fsum(weights), math.fsum(map(abs, weights))
    if len(weights) != len(tables) or abs(total) > ROUNDING * size:
        raise ValueError(f"{len(weights)} weights of sum {total} are no contrast of {len(tables)} methods")
    known = _known(tables)
    return None if known is None else _contrast(known, np.array(weights, np.float64))


def effects(tables: Mapping[frozenset[str], Trainings], factors: Sequence[str]) -> dict[tuple[str, ...], Effect]:
    """Main effects and all interactions of a complete 2^k design, by the names of their factors, main effects first.

    Factors are coded -1/2 and +1/2: a main effect is the mean of all subsets with the factor minus the mean of those
    without, an interaction of two the difference of these differences (Box, Hunter & Hunter, Statistics for
    Experimenters, 2005, chapter 5, times 2 for each further factor).

    Args:
        tables: trainings of each subset of the factors.

    Returns:
        empty where no subset has two trainings.

    Raises:
        KeyError: a subset is missing.
    """
    every = [part for size in range(len(factors) + 1) for part in itertools.combinations(factors, size)]
    known = _known([tables[frozenset(subset)] for subset in every])
    if known is None:
        return {}
    found = {}
    for part in every[1:]:
        signs = [math.prod(1 if name in subset else -1 for name in part) for subset in every]
        effect = _contrast(known, np.array(signs) * 2 ** len(part) / len(every))
        if effect is not None:
            found[part] = effect
    return found


def _known(tables: Sequence[Trainings]) -> _Known | None:
    found = design(tables)
    values = np.concatenate([table.values for table in tables]).astype(np.float64)
    trainings = training_noise(found, values, found.blocked)
    if trainings is None or not math.isfinite(trainings.variance):
        return None
    layouts: dict[str, list[int]] = {}
    for i, table in enumerate(tables):
        if table.images is not None:
            layouts.setdefault(table.layout, []).append(i)
    groups = []
    for methods in layouts.values():
        own = found if len(methods) == len(tables) else design([tables[i] for i in methods])
        groups.append(_Group(methods, image_noise(own, [tables[i] for i in methods], own.blocked)))
    worst = max((error for table in tables if (error := error_of(table)) is not None), default=None)
    return _Known(tables, found, values, trainings, groups, worst)


def _contrast(known: _Known, of_methods: np.ndarray) -> Effect | None:
    of_trainings = known.design.weights(of_methods)
    of_seeds = known.design.seed.sums(of_trainings)
    # without blocks a seed may count more than its trainings do one by one: with the same sign in several methods
    counted = max(float(of_trainings @ of_trainings), float(of_seeds @ of_seeds))
    trainings = Part(known.trainings.variance * counted, known.trainings.freedom)
    images, shared = _images(known, np.split(of_trainings, np.cumsum(known.design.method.counts)[:-1]))
    return effect_of(math.fsum(of_trainings * known.values), trainings, images, shared)


def _images(known: _Known, weights: Sequence[np.ndarray]) -> tuple[Part | None, float]:
    """The images' part, None where of no method any is known, and what of it is in the trainings' part too.

    Methods on the same images count once, others apart; one of which nothing is known is taken to be like the worst.

    Args:
        weights: of each method's trainings.
    """
    if known.worst is None:
        return None, 0.0
    parts, shared = [], 0.0
    for group in known.groups:
        each = np.sum([weights[i] @ np.asarray(known.tables[i].images) for i in group.methods], axis=0)
        parts.append(of_images(each, known.tables[group.methods[0]].sizes))
        shared += group.noise * math.fsum(weights[i] @ weights[i] for i in group.methods) / len(each)
    for table, own in zip(known.tables, weights, strict=True):
        if table.images is None:
            error = known.worst if table.error is None else table.error
            reached = error * math.fsum(own)
            parts.append(Part(reached * reached, math.inf))
    return functools.reduce(both, parts), shared
