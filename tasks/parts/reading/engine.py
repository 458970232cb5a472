"""The OCR engine: PP-OCRv6 (small) out of the package `rapidocr`, whose wheel carries the networks.

It finds lines of text on an image and says what each reads. It runs on one thread of the CPU, so that values depend
on no machine's number of cores, and its networks are loaded from named files with known hashes: nothing is downloaded.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from bench.errors import DataError
from bench.system.files import sha256_of

INSTALL = "pip install -c constraints.txt rapidocr onnxruntime"
SHA256 = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
"""The networks that find lines and that read them."""

ENLARGED, LARGEST = 4, 1024
"""Every image is enlarged so many times, but to no more than so many pixels: the engine reads lines from about 20."""
SURE = 0.5
"""The engine's own default: what it reads with a lower score counts as nothing."""
LINE_OF_BOX = 0.7
"""A line, from the top of "h" to the foot of "g", is so high beside the engine's box around it: the median over the
words that it reads on rendered-text at 32 px is 0.65 of 6 px, 0.67 of 8 px and 0.73 of 12 px."""

PROTOCOL = {
    "enlarged": f"{ENLARGED} times (bicubic), to {LARGEST} px at most, originals and reconstructions alike",
    "lines": f"found on the original, read there with a score of {SURE} or more; the same places are read again in the "
    "reconstruction, upright, each line by itself",
    "threads": 1,
}


class Line(NamedTuple):
    """A line of text.

    box: left, top, right, foot in pixels of the enlarged image. height: of the line, in the image's own pixels.
    """

    box: tuple[int, int, int, int]
    height: float
    text: str


class Engine:
    """Finds and reads text.

    Raises:
        DataError: the package is missing or carries other networks.
    """

    def __init__(self) -> None:
        files = _files()
        import cv2
        from rapidocr import RapidOCR

        cv2.setNumThreads(1)
        find, read = map(str, files.values())
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,  # tells upright text from text upside down
                "Global.text_score": 0.0,  # lines below `SURE` are left out here, by the reading of their own cut
                "Det.model_path": find,
                "Rec.model_path": read,
                "Det.limit_side_len": 32,  # images come enlarged as far as they are to be
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def lines(self, image: np.ndarray) -> list[Line]:
        """The lines that can be read on an image uint8 [H, W, 3], from top to bottom."""
        large = enlarge(image)
        found = self._engine(large, use_det=True, use_rec=False)
        boxes = () if found.boxes is None else map(_upright, found.boxes)
        lines = []
        for box in boxes:
            text, score = self._read(large, box)
            if text and score >= SURE:
                height = LINE_OF_BOX * (box[3] - box[1]) * len(image) / len(large)
                lines.append(Line(box, height, text))
        return lines

    def read_again(self, image: np.ndarray, lines: Sequence[Line]) -> list[str]:
        """What another image of the same size reads at the places of these lines; empty where it reads nothing."""
        large = enlarge(image)
        return [text if score >= SURE else "" for text, score in (self._read(large, line.box) for line in lines)]

    def _read(self, large: np.ndarray, box: tuple[int, int, int, int]) -> tuple[str, float]:
        """Text and score of one line. Alone: beside others the network would pad it to the widest of them."""
        left, top, right, foot = box
        read = self._engine(np.ascontiguousarray(large[top:foot, left:right]), use_det=False, use_rec=True)
        return (str(read.txts[0]).strip(), float(read.scores[0])) if read.txts else ("", 0.0)


def enlarge(image: np.ndarray) -> np.ndarray:
    """An image uint8 [H, W, 3] as the engine gets it."""
    factor = max(1, min(ENLARGED, LARGEST // max(image.shape[:2])))
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((width * factor, height * factor), Image.Resampling.BICUBIC))


def fingerprint() -> Mapping[str, object] | None:
    """What the engine is, for a protocol; None where it is missing."""
    try:
        files = _files()
    except DataError:
        return None
    return {"rapidocr": version("rapidocr"), "networks": {name: SHA256[name] for name in files}}


def _upright(box: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, foot of the upright box around the four corners [4, 2] of a line."""
    (left, top), (right, foot) = np.floor(box.min(0)).clip(min=0), np.ceil(box.max(0))
    return int(left), int(top), int(right), int(foot)


@functools.cache
def _files() -> dict[str, Path]:
    """The networks' files by their names.

    Raises:
        DataError: a package is missing, or a file is another.
    """
    specs = {package: importlib.util.find_spec(package) for package in ("rapidocr", "onnxruntime")}
    for package, spec in specs.items():
        if spec is None:
            raise DataError(f"reading text needs the package {package}: {INSTALL}")
    spec = specs["rapidocr"]
    assert spec is not None
    assert spec.origin is not None
    files = {name: Path(spec.origin).parent / "models" / name for name in SHA256}
    for name, path in files.items():
        if not path.is_file() or sha256_of(path) != SHA256[name]:
            raise DataError(f"{path} is missing or another file than the tested one: {INSTALL}")
    return files
