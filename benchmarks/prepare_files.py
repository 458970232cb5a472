"""How fast images are decoded into a prepared array, how much memory that takes, and how fast batches are read.

    python benchmarks/prepare_files.py [--images 2000]

Writes JPEGs of 500x375 into a throw-away folder and prepares them as the data set `folder`. Decoding is measured on one
core (`images/s per core` of processor time), memory over this process and its workers while 256 px are prepared.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from bench.data.pixels.prepared import read
from bench.data.reading.decode import Shape, decode_all
from bench.data.reading.examples import Example, ImageFile
from bench.data.reading.write import write_prepared

BATCH = 32


def photographs(folder: Path, count: int, different: int = 50) -> list[Example]:
    """JPEGs with the spectrum of photographs (smoothed noise at three scales), quality 90: about 60 kB each."""
    rng = np.random.default_rng(0)
    packed = []
    for _ in range(different):
        layers = [Image.fromarray(rng.integers(0, 256, (375, 500, 3)).astype(np.uint8)) for _ in range(3)]
        blurred = [
            np.asarray(layer.filter(ImageFilter.GaussianBlur(radius)), float)
            for layer, radius in zip(layers, (1, 4, 24), strict=True)
        ]
        pixels = 128 + sum((layer - layer.mean()) * gain for layer, gain in zip(blurred, (0.5, 2, 6), strict=True))
        packed.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    examples = []
    for number in range(count):
        name = f"{number:06d}.jpg"
        packed[number % different].save(folder / name, quality=90)
        examples.append(Example(name, ImageFile(folder, name)))
    return examples


def quiet(done: int, total: int, what: str) -> None:
    """No progress is printed: it would be measured."""


def decoding(examples: list[Example], size: int) -> float:
    """Images per second of processor time, in this process."""
    start = time.process_time()
    for _ in decode_all(examples, Shape(size, "crop"), quiet, workers=0):
        pass
    return len(examples) / (time.process_time() - start)


def preparing(examples: list[Example], folder: Path, size: int) -> tuple[float, float, float]:
    """Seconds with all cores; MiB of the prepared array; highest MiB of this process and of its largest worker."""
    start = time.perf_counter()
    write_prepared(examples, folder, Shape(size, "crop"), quiet)
    spent = time.perf_counter() - start
    process, worker = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return spent, (folder / "images.npy").stat().st_size / 2**20, process + worker


def reading(folder: Path, batches: int = 2_000) -> float:
    """Images per second read in random batches."""
    split = read("train", folder)
    rng = np.random.default_rng(0)
    rows = [np.sort(rng.integers(0, len(split), BATCH)) for _ in range(batches)]
    start = time.perf_counter()
    for chosen in rows:
        np.asarray(split.images[chosen])
    return batches * BATCH / (time.perf_counter() - start)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=2_000)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("jpeg", "at256", "at64"):
            (root / folder).mkdir()
        examples = photographs(root / "jpeg", parser.parse_args().images)
        size = np.mean([example.image.folder.joinpath(example.image.name).stat().st_size for example in examples]) / 1e3
        print(f"{len(examples)} JPEGs of 500x375, {size:.0f} kB each")
        print(f"decode to 256 px: {decoding(examples[:600], 256):.0f} images/s per core")
        spent, array, memory = preparing(examples, root / "at256", 256)
        print(
            f"prepare 256 px, all cores: {len(examples) / spent:.0f} images/s; {array:.0f} MiB, memory {memory:.0f} MiB"
        )
        preparing(examples, root / "at64", 64)
        print(f"read batches of {BATCH} at 64 px: {reading(root / 'at64'):.0f} images/s")


if __name__ == "__main__":
    main()
