"""Fonts out of the package `matplotlib`, whose files are read as data; its code is never imported.

DejaVu is under Bitstream Vera's licence, STIX and Computer Modern (BaKoMa) are free to use; none is redistributed here.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from bench.errors import DataError
from bench.system.files import sha256_of

INSTALL = "pip install -c constraints.txt matplotlib"
TALLEST = "bdfhklgjpqy"
"""Letters that reach to the top and to the foot of a line."""


class Font(NamedTuple):
    """sha256: of its file. style: what it is called in answers."""

    sha256: str
    style: str


FONTS: Mapping[str, Font] = {
    "DejaVuSans": Font("3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22", "sans-serif"),
    "DejaVuSerif": Font("107244956e9962b9e96faccdc551825e0ae0898ae13737133e1b921a2fd35ffa", "serif"),
    "DejaVuSansMono": Font("602ec86b8948cfcd956482fe64f94c36c867770149ef2f791d4613f443bcecb3", "monospaced"),
    "STIXGeneral": Font("167378031e2dddc6216d67819c9260e9a06ffc4c478e4e23cb98a6fd44b183c2", "serif"),
    "STIXGeneralBol": Font("e8533dc7083fa346bda1933d60ea4a83b67d0945bceaf1b3541f82b4a0e2c6a0", "serif"),
    "cmss10": Font("7df91a83d05b2e471ec638cb0b435a360a3c792b09fc42a7da67e91f2e79115a", "sans-serif"),
    "cmtt10": Font("6211f09ae93599991afda970c24669dad1a77e253d915624fbf212f702f071d7", "monospaced"),
    "cmr10": Font("4dd9761b058c009db9b2145f55ee6617d093c273dd3d6c5b3e43ff6110fa9bf6", "serif"),
}
NOVEL = ("cmr10", "cmss10")
"""Fonts of "test-novel-fonts" alone; all other splits are set in the others."""


def fonts_of(split: str) -> tuple[str, ...]:
    """Names of the fonts that a split is set in."""
    return tuple(name for name in FONTS if (name in NOVEL) is (split == "test-novel-fonts"))


@functools.lru_cache(maxsize=256)
def load_font(name: str, height: int) -> ImageFont.FreeTypeFont:
    """A font so large that a line, from the top of "h" to the foot of "g", is `height` pixels high.

    Raises:
        DataError: matplotlib is missing or carries another file.
    """
    path = _checked(name)
    thousand = ImageFont.truetype(path, 1000)
    _, top, _, foot = thousand.getbbox(TALLEST, anchor="ls")
    return ImageFont.truetype(path, 1000 * height / (foot - top))


@functools.cache
def _checked(name: str) -> Path:
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise DataError(f"rendered-text takes its fonts from the package matplotlib, which is missing: {INSTALL}")
    path = Path(spec.origin).parent / "mpl-data/fonts/ttf" / f"{name}.ttf"
    if not path.is_file() or sha256_of(path) != FONTS[name].sha256:
        raise DataError(f"rendered-text: {path} is missing or another file than the tested one: {INSTALL}")
    return path
