"""Flickr30k Entities (Plummer et al., 2015, arXiv:1505.04870): phrases of captions, tied to boxes drawn by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bench.data.pixels.fit import Rectangle
from bench.data.reading.examples import Expression, Listing
from bench.data.reading.paths import clean, read_text, safe_name
from bench.data.reading.problems import Kind
from bench.errors import DataError

PHRASE = re.compile(r"\[/EN#(\d+)/\S* ([^\]]*)\]")
"""A phrase in a sentence: [/EN#number/kinds its words]."""
NOWHERE = "0"
"""Number of phrases that are about nothing in the image."""


class Found(NamedTuple):
    """An image's expressions, and the size (width, height) in pixels that their boxes are in."""

    expressions: tuple[Expression, ...] = ()
    size: tuple[int, int] | None = None


class Reader:
    """The expressions of images.

    annotations, sentences: the folders of NUMBER.xml and NUMBER.txt; an image's number is what stands before the first
    "_" of its name.
    """

    def __init__(self, annotations: Path, sentences: Path) -> None:
        self.annotations, self.sentences = annotations, sentences

    def of(self, image: str, listing: Listing) -> Found:
        """The expressions of an image, each once; what of its files cannot be used is noted in the listing."""
        number = PurePosixPath(image).stem.partition("_")[0]
        try:
            xml = fromstring(read_text(self.annotations / safe_name(f"{number}.xml")))
            size = _number(xml, "size/width"), _number(xml, "size/height")
            boxes = _boxes(xml)
            lines = read_text(self.sentences / f"{number}.txt").split("\n")
        except (DataError, ParseError, DefusedXmlException) as error:
            listing.note(f"{number}.xml", Kind.OBJECT, error, image)
            return Found()
        phrases = [match for line in lines for match in PHRASE.findall(line)]
        boxes.pop(NOWHERE, None)
        told = {(text, boxes[entity]) for entity, words in phrases if entity in boxes and (text := clean(words))}
        return Found(tuple(Expression(text, box) for text, box in sorted(told)), size)


def _boxes(xml: Element) -> dict[str, Rectangle]:
    """By the numbers of phrases: (left, top, width, height) of the least box that holds all that belong to it.

    Raises:
        DataError: an edge is missing or no number.
    """
    edges: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for thing in xml.iter("object"):
        if thing.find("bndbox") is None:  # a scene, or nothing that can be seen
            continue
        box = tuple(_number(thing, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax"))
        for name in thing.findall("name"):
            edges[clean(name.text)].append((box[0], box[1], box[2], box[3]))
    boxes = {}
    for entity, found in edges.items():
        left, top = (min(edge[i] for edge in found) for i in (0, 1))
        right, bottom = (max(edge[i] for edge in found) for i in (2, 3))
        boxes[entity] = (float(left), float(top), float(right - left), float(bottom - top))
    return boxes


def _number(xml: Element, path: str) -> int:
    text = (xml.findtext(path) or "").strip()
    if not text.isdecimal() or len(text) > 6:
        raise DataError(f"{path} is no number: {text!r:.40}")
    return int(text)
