"""A word on a ground, as pixels: the letters anywhere on the grid of pixels, in a colour that stands out enough."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from bench.data.words.fonts import load_font

FINENESS = 8
"""Letters are drawn so many times larger, then averaged: a letter may begin at each eighth of a pixel."""
LUMA = np.array([0.299, 0.587, 0.114])
GROUNDS = ("plain", "gradient", "textured")
CONTRASTS = ((60, 100), (100, 150), (150, 220))
"""By how many of 255 levels of luma text and ground differ: weak, middling, strong; in equal parts."""
GRADIENT, TEXTURE = 30, 12
"""Levels by which a gradient rises and falls at most, and the standard deviation of a texture."""
CANDIDATES = 512
"""Pairs of random colours of which the first that differ as wanted is taken."""


class Letters(NamedTuple):
    """cover: how far each pixel of the image is covered, float [S, S], 0 to 1.

    box: of the ink, (centre x, centre y, width, height) as fractions of the image.
    """

    cover: np.ndarray
    box: tuple[float, float, float, float]


def width_of(word: str, font: str) -> float:
    """Width of a word's ink in heights of a line."""
    left, _, right, _ = load_font(font, 100).getbbox(word, anchor="ls")
    return (right - left) / 100


def draw_word(word: str, font: str, height: float, size: int, rng: np.random.Generator) -> Letters:
    """A word at a random place of an image of `size` pixels; the word has to fit.

    height: of a line, from the top of "h" to the foot of "g", in pixels.
    """
    face = load_font(font, round(height * FINENESS))
    left, top, right, foot = map(round, face.getbbox(word, anchor="ls"))
    wide, tall, side = right - left, foot - top, size * FINENESS
    x, y = (int(rng.integers(0, side - length + 1)) for length in (wide, tall))
    sheet = Image.new("L", (side, side))
    ImageDraw.Draw(sheet).text((x - left, y - top), word, fill=255, font=face, anchor="ls")
    cover = np.asarray(sheet.resize((size, size), Image.Resampling.BOX)) / 255
    return Letters(cover, ((x + wide / 2) / side, (y + tall / 2) / side, wide / side, tall / side))


def pick_colors(contrast: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A colour of the ground and one of the text, float [3], whose lumas differ by as many levels as `contrast` says.

    Every pair of colours that does is equally likely.
    """
    while True:
        pairs = rng.integers(0, 256, (CANDIDATES, 2, 3))
        difference = np.abs((pairs[:, 0] - pairs[:, 1]) @ LUMA)
        fitting = np.flatnonzero((difference >= contrast[0]) & (difference < contrast[1]))
        if len(fitting):
            ground, text = pairs[fitting[0]].astype(float)
            return ground, text


def paint_ground(kind: str, color: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A ground of this colour, float [S, S, 3]: plain, a gradient in a random direction, or blots of light and dark."""
    pattern = np.zeros((size, size))
    if kind == "gradient":
        angle = rng.uniform(0, 2 * math.pi)
        place = np.linspace(-1, 1, size)
        pattern = GRADIENT * (place * math.cos(angle) + place[:, None] * math.sin(angle)) / math.sqrt(2)
    elif kind == "textured":
        coarse = Image.fromarray(rng.normal(0, TEXTURE, (16, 16)).astype(np.float32))
        pattern = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    return color + pattern[..., None]


def blend(ground: np.ndarray, letters: np.ndarray, text: np.ndarray) -> np.ndarray:
    """The image, uint8 [S, S, 3]. letters: cover [S, S]. text: the colour of the letters, float [3]."""
    pixels = ground * (1 - letters[..., None]) + text * letters[..., None]
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)
