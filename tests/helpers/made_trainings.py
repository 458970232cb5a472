"""Made-up trainings whose true values and variances are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.trainings import Trainings

IMAGES = 60


class Regime(NamedTuple):
    """Shares of a value's variance that come of the training, of the images and of both together (sum 1), for as many
    trainings as there are. plateau: instead of a normal distribution, trainings are at one of two values, at the higher
    one with this chance. seeds: share of the trainings' part that all methods have in common for a seed.
    """

    trainings: float
    images: float
    left: float
    plateau: float | None = None
    seeds: float = 0.0


REGIMES = {
    "images": Regime(0.05, 0.85, 0.10),
    "trainings": Regime(0.95, 0.03, 0.02),
    "mixed": Regime(0.45, 0.45, 0.10),
}


def methods(
    generator: np.random.Generator, regime: Regime, seeds: Sequence[Sequence[int]], images: int = IMAGES
) -> list[Trainings]:
    """Trainings of methods that are all equal, of true value 0; images also differ in the same way for all methods.

    The variance of a method's value is 1, without what cancels from differences.

    Args:
        seeds: of each method; variances are for the number of the first one's.
    """
    count = len(seeds[0])
    common_seed = generator.normal(size=max(map(max, seeds)) + 1) * np.sqrt(regime.trainings * regime.seeds * count)
    common_image = generator.normal(size=images)
    made = []
    for own in seeds:
        trainings = common_seed[list(own)] + _trainings(generator, regime, len(own)) * np.sqrt(
            regime.trainings * (1 - regime.seeds) * count
        )
        each = generator.normal(size=images) * np.sqrt(regime.images * images)
        left = generator.normal(size=(len(own), images)) * np.sqrt(regime.left * count * images)
        scores = trainings[:, None] + common_image + each + left
        made.append(Trainings(tuple(own), scores.mean(1), scores, "same", None, images))
    return made


def _trainings(generator: np.random.Generator, regime: Regime, count: int) -> np.ndarray:
    if regime.plateau is None:
        return generator.normal(size=count)
    higher = generator.random(count) < regime.plateau
    return (higher - regime.plateau) / np.sqrt(regime.plateau * (1 - regime.plateau))
