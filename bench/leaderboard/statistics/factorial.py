"""Contrasts of methods from all their trainings, and the effects of a complete two-level factorial design."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.leaderboard.statistics.design import Design, design
from bench.leaderboard.statistics.effect import Effect
from bench.leaderboard.statistics.noise import image_noise, training_noise
from bench.leaderboard.statistics.parts import Part, both, effect_of
from bench.leaderboard.statistics.two_way import error_of, of_images
from bench.leaderboard.trainings import Trainings


def contrast(tables: Sequence[Trainings], weights: Sequence[float]) -> Effect | None:
    """sum(weights * methods' values), from all trainings of the methods; None if no method has two.

    The estimate is that of least squares of value ~ method + seed where seeds are shared (see `Design.blocked`), of the
    methods' means otherwise. The variance of trainings is pooled over all methods, which is what makes a contrast of
    many surer than that of a pair; the images' part is the variance of the contrast of each image (audit of a factorial
    design with crossed random images: Searle, Casella & McCulloch, Variance Components, 1992, chapter 4).

    Args:
        weights: one a method; their sum is 0.

    Raises:
        ValueError: the sum is another, or there are not as many.
    """
    of_methods = np.array(weights, np.float64)
    if len(of_methods) != len(tables) or abs(math.fsum(weights)) > 1e-9 * max(1.0, float(np.abs(of_methods).sum())):
        raise ValueError(
            f"{len(of_methods)} weights of sum {math.fsum(weights)} are no contrast of {len(tables)} methods"
        )
    found = design(tables)
    values = np.concatenate([table.values for table in tables]).astype(np.float64)
    noise = training_noise(found, values, found.blocked)
    if noise is None:
        return None
    of_trainings = found.weights(of_methods)
    squares = float(of_trainings @ of_trainings)
    of_seeds = found.seed.sums(of_trainings)
    # without blocks a seed may count more than its trainings do one by one: with the same sign in several methods
    trainings = Part(noise.variance * max(squares, float(of_seeds @ of_seeds)), noise.freedom)
    images, shared = _images(tables, found, of_trainings)
    return effect_of(math.fsum(of_trainings * values), trainings, images, shared)


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
    having = [tables[frozenset(subset)] for subset in every]
    found = {}
    for part in every[1:]:
        signs = [math.prod(1 if name in subset else -1 for name in part) for subset in every]
        effect = contrast(having, [sign * 2 ** len(part) / len(every) for sign in signs])
        if effect is not None:
            found[part] = effect
    return found


def _images(tables: Sequence[Trainings], found: Design, of_trainings: np.ndarray) -> tuple[Part | None, float]:
    """The images' part, None where of no method any is known, and what of it is in the trainings' part too.

    Methods on the same images count once, others apart; one of which nothing is known is taken to be like the worst.
    """
    layouts: dict[str, list[int]] = {}
    for i, table in enumerate(tables):
        if table.images is not None:
            layouts.setdefault(table.layout, []).append(i)
    worst = max((error for table in tables if (error := error_of(table)) is not None), default=None)
    if worst is None:
        return None, 0.0
    counted = np.split(of_trainings, np.cumsum(found.method.counts)[:-1])
    parts, shared = [], 0.0
    for group in layouts.values():
        used = [tables[i] for i in group]
        each = sum(counted[i] @ table.images for i, table in zip(group, used, strict=True) if table.images is not None)
        parts.append(of_images(np.asarray(each)))
        own = found if len(group) == len(tables) else design(used)
        noise = image_noise(own, used, own.blocked)
        shared += noise * math.fsum(counted[i] @ counted[i] for i in group) / len(np.asarray(each))
    for table, each in zip(tables, counted, strict=True):
        if table.images is None:
            error = worst if table.error is None else table.error
            parts.append(Part((error * float(each.sum())) ** 2, math.inf))
    return functools.reduce(both, parts), shared
