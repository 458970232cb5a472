"""How much faster codes are drawn with a KV cache than by reading all codes so far again for each one.

    python benchmarks/sampling.py [--preset tiny] [--rounds 3] [--images 8] [--device cuda]

The preset's generator, untrained, under a context as long as a caption's; 64 and 256 codes an image, drawn from all
codes. Both draw from the same seed and must draw the same codes. By turns, medians of rounds after one to warm up.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.presets import PRESETS, Preset
from bench.system.precision import autocast
from bench.tasks.parts.networks.decoder import Decoder, DecoderReader
from bench.tasks.parts.networks.decoding import Reader, Sampling, generate

LENGTHS = (64, 256)
"""Codes of an image: grids of 8x8 and 16x16."""
CONTEXT = 20
"""Vectors of the context."""
SEED = 0


class Rereader:
    """A `Reader` that keeps nothing but ids: for each token the model reads all of them again."""

    def __init__(self, model: Decoder, context: Tensor) -> None:
        self.model, self.context = model, context
        self.ids = torch.empty(len(context), 0, dtype=torch.int64, device=context.device)
        self.next = self._logits()

    def read(self, ids: Tensor) -> None:
        """See `Reader`."""
        self.ids = torch.cat([self.ids, ids], 1)
        self.next = self._logits()

    def pick(self, rows: Tensor) -> None:
        """See `Reader`."""
        self.ids, self.next = self.ids[rows], self.next[rows]

    def _logits(self) -> Tensor:
        return self.model(self.ids, self.context)[:, -1].float()


def measure(readers: dict[str, Callable[[], Reader]], length: int, rounds: int, device: torch.device) -> list[float]:
    """Median seconds of each, in order; they draw the same codes."""
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    drawn: dict[str, Tensor] = {}
    for turn in range(rounds + 1):
        for name, reader in readers.items():
            started = time.perf_counter()
            with torch.inference_mode(), autocast(device):
                drawn[name] = generate(reader(), length, Sampling(), torch.Generator(device).manual_seed(SEED))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                seconds[name].append(time.perf_counter() - started)
    first, *others = drawn.values()
    assert all(torch.equal(first, other) for other in others), "not the same codes"
    return [statistics.median(taken) for taken in seconds.values()]


def row(preset: Preset, length: int, images: int, rounds: int, device: torch.device) -> str:
    """A line of the table."""
    torch.manual_seed(SEED)
    budget = preset.generator
    model = Decoder(preset.codes, budget.width, budget.layers, length, context=True).to(device).eval()
    context = torch.randn(images, CONTEXT, budget.width, device=device)
    readers: dict[str, Callable[[], Reader]] = {
        "kept": lambda: DecoderReader(model, images, length, context),
        "again": lambda: Rereader(model, context),
    }
    kept, again = measure(readers, length, rounds, device)
    return f"| {length} | {images / kept:.1f} | {images / again:.2f} | {again / kept:.1f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", default="tiny", choices=PRESETS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    device, preset = torch.device(arguments.device), PRESETS[arguments.preset]
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{named}; {arguments.preset}, {arguments.images} images at once, torch {torch.__version__}")
    print("| codes | images/s with the cache | images/s without | times as fast |\n|--:|--:|--:|--:|")
    for length in LENGTHS:
        print(row(preset, length, arguments.images, arguments.rounds, device))


if __name__ == "__main__":
    main()
