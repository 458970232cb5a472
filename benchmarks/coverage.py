"""How often intervals cover the truth, and how often marks and effects are wrong, in made-up trainings.

    python benchmarks/coverage.py [--rounds 2000] [--images 200] [--seed 0]

Methods are all equal, so that every difference told apart and every effect is one too many. What a training gives an
image is training + image + what both give together; a regime says which share of the variance of a method's value each
has. Bimodal trainings are at one of two values, such as a head that leaves a plateau or does not. Four tables; about
ten minutes on one core.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.effect import Effect
from bench.statistics.factorial import effects
from bench.statistics.few_clusters import clustered_mean
from bench.statistics.marks import standings
from bench.statistics.trainings import Trainings
from bench.statistics.two_way import difference, mean
from bench.system.standard_error import of_mean

SEEDS = (2, 3, 5)
METHODS = (2, 5, 10, 20)
SUBSETS = [frozenset(part) for size in range(4) for part in itertools.combinations(("a", "b", "c"), size)]
ALPHA = 0.05


class Regime(NamedTuple):
    """Shares of a value's variance. left: what single trainings and images give together. higher: chance of the higher
    of two values, where trainings are bimodal. common: share of the trainings' part that a seed gives to all methods.
    """

    trainings: float
    images: float
    left: float
    higher: float | None = None
    common: float = 0.0


REGIMES = {
    "images": Regime(0.05, 0.85, 0.10),
    "trainings": Regime(0.95, 0.03, 0.02),
    "mixed": Regime(0.45, 0.45, 0.10),
    "single answers": Regime(0.10, 0.10, 0.80),
    "seeds in common": Regime(0.85, 0.10, 0.05, common=0.6),
    "bimodal, 1 in 2": Regime(0.90, 0.08, 0.02, higher=0.5),
    "bimodal, 1 in 7": Regime(0.90, 0.08, 0.02, higher=0.15),
}


def draw(generator: np.random.Generator, regime: Regime, methods: int, seeds: int, images: int) -> list[Trainings]:
    """Trainings of equal methods, of true value 0 and variance 1; images are as hard for all of them."""

    def normal(*shape: int) -> np.ndarray:
        return generator.normal(size=shape)

    own = normal(methods, seeds)
    if regime.higher is not None:
        at_higher = generator.random((methods, seeds)) < regime.higher
        own = (at_higher - regime.higher) / math.sqrt(regime.higher * (1 - regime.higher))
    trainings = math.sqrt(1 - regime.common) * own + math.sqrt(regime.common) * normal(seeds)
    scores = (
        math.sqrt(regime.trainings * seeds) * trainings[:, :, None]
        + math.sqrt(regime.images * images) * normal(methods, 1, images)
        + math.sqrt(regime.left * seeds * images) * normal(methods, seeds, images)
        + normal(images)
    )
    return [Trainings(tuple(range(seeds)), one.mean(1), one, "same", None, images) for one in scores]


def intervals(rounds: int, images: int, seed: int) -> Iterable[Sequence[object]]:
    """Coverage of the 95 % intervals of a difference and of a value."""
    for name, regime in REGIMES.items():
        covered = np.zeros((2, len(SEEDS)))
        for column, seeds in enumerate(SEEDS):
            generator = np.random.default_rng(seed)
            for _ in range(rounds):
                a, b = draw(generator, regime, 2, seeds, images)
                found = difference(a, b)
                assert found is not None
                for row, effect in enumerate((found, mean(a))):
                    covered[row, column] += abs(effect.estimate) <= effect.half_width()
        yield [name, *(f"{value:.3f}" for value in (covered / rounds).ravel())]


def marks(rounds: int, images: int, seed: int) -> Iterable[Sequence[object]]:
    """Chance that some method is told apart from some other, and that one as good as the best is not marked."""
    for name, regime in REGIMES.items():
        for seeds in SEEDS:
            cells = []
            for methods in METHODS:
                generator, told, unmarked = np.random.default_rng(seed), 0, 0
                for _ in range(rounds):
                    found = standings(draw(generator, regime, methods, seeds, images), higher_is_better=True)
                    assert found is not None
                    told += any(standing.rank != (1, methods) for standing in found)
                    unmarked += not found[0].best
                cells.append(f"{told / rounds:.3f} / {unmarked / rounds:.3f}")
            yield [name, seeds, *cells]


def factorial(rounds: int, images: int, seed: int) -> Iterable[Sequence[object]]:
    """Share of effects of three factors with p < 5 %: main effects, interactions."""
    for name, regime in REGIMES.items():
        cells = []
        for seeds in SEEDS:
            generator, wrong = np.random.default_rng(seed), np.zeros(7)
            for _ in range(rounds):
                tables = dict(zip(SUBSETS, draw(generator, regime, len(SUBSETS), seeds, images), strict=True))
                wrong += [effect.p() < ALPHA for effect in effects(tables, ("a", "b", "c")).values()]
            cells += [f"{wrong[:3].mean() / rounds:.3f} / {wrong[3:].mean() / rounds:.3f}"]
        yield [name, *cells]


def clusters(rounds: int, seed: int) -> Iterable[Sequence[object]]:
    """Coverage of the interval of a mean over few images of 1 to 9 examples, skewed; of the usual one beside it."""
    for alike in (0.0, 0.5):
        for count in (5, 10, 20, 50):
            generator, covered = np.random.default_rng(seed), np.zeros(2)
            for _ in range(rounds):
                ids = np.repeat(np.arange(count), generator.integers(1, 10, size=count))
                of_images, of_examples = ((generator.gamma(4, size=n) - 4) / 2 for n in (count, len(ids)))
                values = math.sqrt(alike) * of_images[ids] + math.sqrt(1 - alike) * of_examples
                ours = clustered_mean(values, ids)
                usual = Effect(ours.estimate, of_mean(values, ids) or 0.0, count - 1, None, None)
                covered += [abs(ours.estimate) <= ours.half_width(), abs(usual.estimate) <= usual.half_width()]
            yield [f"{alike:.1f}", count, *(f"{value:.3f}" for value in covered / rounds)]


def show(title: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, line by line."""
    print(f"\n{title}\n\n| {' | '.join(names)} |\n|{'|'.join(['---'] + ['--:'] * (len(names) - 1))}|")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def main() -> None:
    """Print four tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rounds, images, seed = arguments.rounds, arguments.images, arguments.seed
    error = math.sqrt(ALPHA * (1 - ALPHA) / rounds)
    print(f"{rounds} rounds, {images} images, seed {seed}; standard error of 0.05 and of 0.95: {error:.4f}")
    of_seeds = [f"{what}, {seeds} seeds" for what in ("difference", "value") for seeds in SEEDS]
    show("Coverage of 95 % intervals", ["what varies", *of_seeds], intervals(rounds, images, seed))
    of_methods = [f"{methods} methods" for methods in METHODS]
    show(
        "Equal methods: some told apart / one as good as the best not marked",
        ["what varies", "seeds", *of_methods],
        marks(rounds, images, seed),
    )
    show(
        "No effects: main effects / interactions with p < 5 %",
        ["what varies", *(f"{seeds} seeds" for seeds in SEEDS)],
        factorial(rounds, images, seed),
    )
    names = ["correlation within an image", "images", "CR2", "plain t"]
    show("Coverage of the mean over few images", names, clusters(rounds, seed))


if __name__ == "__main__":
    main()
