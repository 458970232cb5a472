"""Images of every kind that data sets hold, and files that are none."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from helpers.bomb import bomb
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.data.pixels.fit import box_in_square, square, strip
from bench.data.pixels.pictures import MAX_PIXELS, open_label, open_rgb
from bench.errors import DataError
from bench.system.torchvision_ops import make_importable

RAMP = np.tile(np.arange(0, 240, 6, dtype=np.uint8), (30, 1))


def packed(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


COLORED = Image.fromarray(np.dstack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)]))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_formats_by_content(form: str) -> None:
    found = np.asarray(open_rgb(packed(COLORED, form)), float)
    assert found.shape == (30, 40, 3)
    assert np.abs(found - np.asarray(COLORED, float)).mean() < 12


def test_grey_and_cmyk() -> None:
    assert np.array_equal(np.asarray(open_rgb(packed(Image.fromarray(RAMP))))[..., 1], RAMP)
    found = np.asarray(open_rgb(packed(COLORED.convert("CMYK"), "JPEG", quality=98)), float)
    assert np.abs(found - np.asarray(COLORED, float)).mean() < 6


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    assert np.array_equal(np.asarray(open_rgb(packed(deep)))[..., 0], RAMP)


def test_what_is_transparent_is_white() -> None:
    image = COLORED.convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.arange(40) < 20, 0, 255)[None].repeat(30, 0).astype(np.uint8)))
    found = np.asarray(open_rgb(packed(image)))
    assert (found[:, :20] == 255).all()
    assert np.array_equal(found[:, 20:], np.asarray(COLORED)[:, 20:])
    palette = COLORED.convert("P")
    assert open_rgb(packed(palette, "GIF", transparency=0)).mode == "RGB"


def test_rotation_of_the_camera() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    data = packed(COLORED, "JPEG", exif=exif, quality=98)
    assert open_rgb(data).size == (30, 40)
    # annotations made without it
    assert open_rgb(data, (40, 30)).size == (40, 30)
    assert open_rgb(data, (30, 40)).size == (30, 40)
    with pytest.raises(DataError, match="is 30x40, the annotations say 50x50"):
        open_rgb(data, (50, 50))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 hello", "is not an image|is broken"),
        (b"<html>404 not found</html>", "is not an image"),
        (packed(COLORED, "JPEG")[:400], "is broken"),
        (packed(COLORED)[:-40], "is broken"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
    ],
    ids=["empty", "header", "html", "truncated jpeg", "truncated png", "postscript"],
)
def test_what_is_no_image(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_rgb(data)


@pytest.mark.parametrize("side", [8_001, 12_000, 60_000])
def test_decompression_bombs_are_refused_by_their_header(side: int) -> None:
    with pytest.raises(DataError, match=f"{MAX_PIXELS:,}"):
        open_rgb(bomb(side, side))


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda noise: packed(COLORED, "JPEG")[:300] + noise))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_an_image_or_a_data_error(data: bytes) -> None:
    for read in (open_rgb, open_label):
        with contextlib.suppress(DataError):
            read(data)


def test_labels_keep_their_ids() -> None:
    ids = (RAMP // 6 % 19).astype(np.uint8)
    assert np.array_equal(np.asarray(open_label(packed(Image.fromarray(ids)))), ids)
    palette = Image.fromarray(ids, "P")
    palette.putpalette([value * 7 % 256 for value in range(768)])
    assert np.array_equal(np.asarray(open_label(packed(palette))), ids)
    assert np.array_equal(np.asarray(open_label(packed(Image.fromarray(np.dstack([ids] * 3))))), ids)
    with pytest.raises(DataError, match="above 255"):
        open_label(packed(Image.fromarray(RAMP.astype(np.uint16) * 200)))


def test_a_square_is_what_torchvision_makes() -> None:
    make_importable()
    from torchvision.transforms import functional as tv

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 88, 3)).astype(np.uint8))
    resized = tv.center_crop(tv.resize(image, 30), [30, 30])
    # where the crop falls on whole pixels after resizing; else torchvision rounds it to the next
    assert np.abs(np.asarray(resized, float) - square(image, 30, "crop")).max() <= 1
    stretched = tv.resize(image, [30, 30])
    assert np.array_equal(np.asarray(stretched), square(image, 30, "stretch"))


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (40, 40), (10, 400)])
def test_strips(shape: tuple[int, int]) -> None:
    width, height = shape
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8))
    found = strip(image, 16)
    assert found.pixels.shape[1:] == (16, 3)
    assert found.turned is (width > height)
    assert len(found.pixels) == 16 * min(max(shape) / min(shape), 4)
    middle = (len(found.pixels) - 16) // 2
    crop = found.pixels[middle : middle + 16]
    upright = crop.swapaxes(0, 1) if found.turned else crop
    assert np.abs(upright.astype(float) - square(image, 16, "crop")).mean() < 6


def test_boxes_in_squares() -> None:
    whole = box_in_square((0, 0, 80, 40), 80, 40, "stretch")
    assert whole == pytest.approx((0.5, 0.5, 1, 1))
    assert box_in_square((30, 10, 20, 20), 80, 40, "crop") == pytest.approx((0.5, 0.5, 0.5, 0.5))
    assert box_in_square((0, 10, 15, 20), 80, 40, "crop") is None
    assert box_in_square((10, 0, 20, 40), 80, 40, "crop") == pytest.approx((0.125, 0.5, 0.25, 1))
    for bad in ((90, 0, 10, 10), (-30, 0, 40, 10), (0, 0, 0, 10), (5, 5, -3, 4)):
        with pytest.raises(DataError, match="a box"):
            box_in_square(bad, 80, 40, "stretch")


@given(
    st.tuples(*[st.floats(-1e6, 1e6)] * 4),
    st.integers(1, 500),
    st.integers(1, 500),
    st.sampled_from(["crop", "stretch"]),
)
@settings(max_examples=300, deadline=None)
def test_a_box_is_inside_or_left_out(box: tuple[float, float, float, float], width: int, height: int, how: str) -> None:
    try:
        found = box_in_square(box, width, height, how)  # type: ignore[arg-type]
    except DataError:
        return
    if found is not None:
        x, y, wide, tall = found
        assert 0 < wide <= 1 + 1e-9
        assert 0 < tall <= 1 + 1e-9
        assert -1e-9 <= x - wide / 2 <= x + wide / 2 <= 1 + 1e-9
        assert -1e-9 <= y - tall / 2 <= y + tall / 2 <= 1 + 1e-9
