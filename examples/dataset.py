"""Stripes: every image has a colour, a direction and a width, and they are all there is to say about it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import override

from bench.contracts.data import DataSet, Question, Split
from bench.registry import datasets

COLORS = {"red": (220, 40, 40), "green": (40, 180, 70), "blue": (50, 80, 220), "yellow": (235, 210, 60)}
DIRECTIONS = ("horizontal", "vertical", "diagonal")


@datasets.register("stripes", offers=("captions", "questions"))
@dataclass(frozen=True)
class Stripes(DataSet):
    """Stripes of one colour on white in one direction, with captions and questions about both."""

    seed: int = 0

    @override
    def split(self, name: str, cache: Path) -> Split:
        count = self.limits.get(name, 1000)
        rng = np.random.default_rng([self.seed, self.splits.index(name)])
        colors, ways = rng.choice(list(COLORS), count), rng.choice(DIRECTIONS, count)
        row, column = np.mgrid[: self.size, : self.size]
        place = {"horizontal": row, "vertical": column, "diagonal": (row + column) / 2**0.5}
        images = np.empty((count, self.size, self.size, 3), np.uint8)
        captions, questions = [], []
        for i, (color, way) in enumerate(zip(colors, ways, strict=True)):
            wave = np.sin(2 * np.pi * (place[way] / rng.uniform(6, 12) + rng.random()))  # [S, S]
            shade = 1 / (1 + np.exp(-6 * wave))[..., None]
            images[i] = shade * COLORS[color] + (1 - shade) * 245
            captions.append([f"{way} {color} stripes", f"{color} stripes that are {way}"])
            questions.append(Question(i, "what color are the stripes?", color, "color"))
            questions.append(Question(i, "which way do the stripes run?", way, "direction"))
        return Split(name, images, captions, questions)
