"""Pictures from records, which may be anything: decoded within limits and written anew, or left out with a reason."""

from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib
from pathlib import Path

from PIL import Image

from bench.system import untrusted

MAX_BYTES = 2**20
MAX_SIDE = 4_096
MAX_PIXELS = 4_000_000
GAP = 2
"""White pixels between the rows of a picture, as `bench.images.GAP`."""


class BadPicture(ValueError):
    """Why a picture is not shown."""


def read(path: Path) -> Image.Image:
    """A PNG as RGB.

    Raises:
        BadPicture: it is missing, no PNG, broken, or too large.
    """
    try:
        content = untrusted.read(path, MAX_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what it finds dangerous
            with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                width, height = image.size
                if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                    raise BadPicture(f"{width} x {height} pixels are too many")
                return image.convert("RGB")
    except BadPicture:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError, Warning) as error:
        raise BadPicture(f"not a picture that can be read ({type(error).__name__})") from error
    except Image.DecompressionBombError as error:
        raise BadPicture("too many pixels") from error


def halves(image: Image.Image) -> tuple[Image.Image, Image.Image] | None:
    """The upper row, originals, and the lower, their counterparts, of what `bench.images.comparison_png` made of a row.

    None where it is not of that form.
    """
    side, odd = divmod(image.height - GAP, 2)
    if odd or side < 1:
        return None
    return image.crop((0, 0, image.width, side)), image.crop((0, side + GAP, image.width, image.height))


def tiles(image: Image.Image, count: int) -> list[Image.Image] | None:
    """The single images, squares, of a grid that `bench.images.grid_png` made of so many; None where it is none."""
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        side, odd = divmod(image.width + GAP, columns)
        if not odd and side > GAP and image.height + GAP == rows * side:
            corners = [((i % columns) * side, (i // columns) * side) for i in range(count)]
            return [image.crop((x, y, x + side - GAP, y + side - GAP)) for x, y in corners]
    return None


def as_url(image: Image.Image) -> str:
    """The picture as a `data:` address: its pixels alone, nothing else that was in the file."""
    clean = Image.frombytes("RGB", image.size, image.tobytes())
    buffer = io.BytesIO()
    clean.save(buffer, format="PNG", compress_level=9)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
