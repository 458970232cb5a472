"""Draws that come out even: of all that could be picked, what was picked least so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice", bound=Hashable)


class Evenly:
    """Picks at random among what was picked least, so that the first picks are as balanced as all of them.

    rng: decides between what was picked equally often.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._picked: defaultdict[Hashable, Counter[Hashable]] = defaultdict(Counter)

    def pick(self, purpose: Hashable, choices: Sequence[Choice]) -> Choice:
        """One of the choices. Each purpose, such as "color", keeps counts of its own."""
        picked = self._picked[purpose]
        least = min(picked[choice] for choice in choices)
        rarest = [choice for choice in choices if picked[choice] == least]
        choice = rarest[self._rng.integers(0, len(rarest))]
        picked[choice] += 1
        return choice

    def order(self, purpose: Hashable, choices: Sequence[Choice]) -> list[Choice]:
        """The choices, least picked first. Nothing is counted: whoever takes some of them says so with `count`."""
        picked = self._picked[purpose]
        places = self._rng.random(len(choices)) + [picked[choice] for choice in choices]
        return [choices[i] for i in np.argsort(places)]

    def count(self, purpose: Hashable, choices: Sequence[Choice]) -> None:
        """Count each of these as picked once more."""
        self._picked[purpose].update(choices)
