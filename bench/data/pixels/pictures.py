"""Images as other people store them, as 8-bit RGB the right way up."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.errors import DataError

MAX_PIXELS = 64_000_000
"""More is refused before anything is decoded."""
BAND_PIXELS = 1_000_000
WHITE = (255, 255, 255, 255)

Image.init()  # formats that are asked for by name have to be loaded
FORMATS = tuple(
    name for name in ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM") if name in Image.OPEN
)  # AVIF came late
"""What is tried, whatever the file's name says; formats that call other programs (EPS) are not."""


def open_rgb(data: bytes, size: tuple[int, int] | None = None) -> Image.Image:
    """An image file's bytes as RGB.

    The camera's rotation is applied, unless `size`, (width, height), says that the annotations were made without it.
    Sixteen bits become eight, transparency becomes white, of an animation the first picture is taken.

    Raises:
        DataError: not an image, truncated, too large, a kind that is not read, or not of that size.
    """
    image = _decoded(data)
    try:
        if size is None or image.size != size:
            image = ImageOps.exif_transpose(image)
    except Exception as error:  # EXIF is a format of its own, and its reader raises nearly anything
        raise DataError(f"its rotation cannot be read: {error!s:.100}") from error
    if size is not None and image.size != size:
        raise DataError(f"is {image.width}x{image.height}, the annotations say {size[0]}x{size[1]}")
    return _rgb(image)


def open_label(data: bytes) -> Image.Image:
    """A mask file's bytes as class ids, mode "L"; a palette's indices are the ids.

    Raises:
        DataError: not an image, truncated, too large, a kind that is not read, or ids that do not fit into eight bits.
    """
    image = _decoded(data)
    if image.mode in ("L", "P"):
        return Image.fromarray(np.asarray(image))
    if image.mode == "1":
        return image.convert("L")
    values = np.asarray(image)
    if values.ndim == 3:  # the grey image was stored in colour
        values = values[..., 0]
    if values.dtype == object or values.min() < 0 or values.max() > 255:
        raise DataError("a mask with class ids above 255")
    return Image.fromarray(values.astype(np.uint8))


def _decoded(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what PIL warns of is decided here
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
            image.load()
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"has more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise DataError("is empty" if not data else "is not an image") from error
    except Exception as error:  # decoders of hostile bytes raise nearly anything
        raise DataError(f"is broken: {error!s:.100}") from error
    return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):
        return _in_bands(image, _eight_bits)
    if image.mode == "F":
        raise DataError("has floating-point pixels")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        return _in_bands(image, _on_white)
    return image.convert("RGB")


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """An image converted to RGB a few rows at a time: between its two forms a large one would take a gigabyte."""
    result = Image.new("RGB", image.size)
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        result.paste(convert(image.crop((0, top, image.width, bottom))), (0, top))
    return result


def _eight_bits(band: Image.Image) -> Image.Image:
    values = np.asarray(band).astype(np.int64)
    if values.min() < 0 or values.max() > 65_535:
        raise DataError("has pixels of more than 16 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8)).convert("RGB")


def _on_white(band: Image.Image) -> Image.Image:
    band = band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", band.size, WHITE), band).convert("RGB")
