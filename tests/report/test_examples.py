"""Samples that tasks wrote as Markdown, read back and put side by side."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bench.images import comparison_png, grid_png
from bench.report import pictures
from bench.report.examples import Parsed, parse, side_by_side
from bench.tasks.parts.samples import markdown_table

COLUMNS = ("image", "question", "answer", "prediction")


def table(*predictions: str) -> Parsed:
    rows = [(i + 1, "what | where?".replace("|", "\\|"), "cat", each) for i, each in enumerate(predictions)]
    found = parse(markdown_table(COLUMNS, rows))
    assert found is not None
    return found


def test_a_table_is_read_as_it_was_written() -> None:
    assert table("cat").columns == COLUMNS
    assert table("cat", "dog").rows == (("1", "what | where?", "cat", "cat"), ("2", "what | where?", "cat", "dog"))


@pytest.mark.parametrize(
    "text",
    ["", "no table", "| a | b |\n|---|---|", "| a |\n|---|\n| 1 | 2 |", "| a |\n| b |\n| c |", "| a |\n|---|\nx"],
)
def test_what_is_no_table_is_none(text: str) -> None:
    assert parse(text) is None


def test_what_methods_said_stands_beside_what_is_right() -> None:
    found = side_by_side({"vqgan": table("cat", "dog"), "lgvq": table("Cat", "cat")})
    assert found is not None
    assert found.given == ("image", "question", "answer")
    assert found.own == ("prediction",)
    assert found.compact
    assert [[(label, *said[0]) for label, said in example.lines] for example in found.examples] == [
        [("vqgan", "cat", "right"), ("lgvq", "Cat", "right")],
        [("vqgan", "dog", "wrong"), ("lgvq", "cat", "right")],
    ]


def test_a_column_that_one_method_lacks_is_empty_there() -> None:
    one = Parsed(("caption", "masked word", "guess", "no image"), (("a cat", "cat", "cat", "dog"),))
    blind = Parsed(("caption", "masked word", "guess"), (("a cat", "cat", "dog"),))
    found = side_by_side({"vqgan": one, "blind": blind})
    assert found is not None
    assert found.own == ("guess", "no image")
    assert [said for _, said in found.examples[0].lines] == [
        (("cat", "right"), ("dog", "wrong")),
        (("dog", "wrong"), ("", "")),
    ]


def test_tables_of_other_examples_are_not_mixed() -> None:
    assert side_by_side({"vqgan": table("cat"), "lgvq": table("cat", "dog")}) is None


def test_pictures_are_cut_as_they_were_put_together() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 12, 3)).astype(np.uint8)
    sheet = open_png(comparison_png(images[0], images[1], 8, scale=3))
    pair = pictures.halves(sheet)
    assert pair is not None
    assert pair[1].tobytes() == open_png(grid_png(images[1], 8, scale=3)).tobytes()
    tiles = pictures.tiles(open_png(grid_png(images[0], 4, scale=3)), 8)
    assert tiles is not None
    for tile, image in zip(tiles, images[0], strict=True):
        np.testing.assert_array_equal(np.asarray(tile), image.repeat(3, 0).repeat(3, 1))


def open_png(content: bytes) -> Image.Image:
    import io

    return Image.open(io.BytesIO(content)).convert("RGB")
