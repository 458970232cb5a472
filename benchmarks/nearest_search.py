"""Finding the nearest code: this project's quantizer against taming's and vector-quantize-pytorch's, by turns.

    python benchmarks/nearest_search.py [--vectors 8192] [--width 32] [--gib 12] [--device cuda]

Encoding of one batch, no gradients, float32; medians of rounds, and how often as fast as the others this one is. All
get the same codes and must choose the same ones. --gib: what a process may use; who needs more is said to.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch
from taming.modules.vqvae.quantize import VectorQuantizer2
from torch import Tensor
from vector_quantize_pytorch import VectorQuantize

from bench.methods.parts.vector_quantizer import VectorQuantizer

CODES = (512, 1_024, 4_096, 16_384, 65_536, 262_144)
SIDE = 16
"""Of the feature maps that hold the vectors."""

Encode = Callable[[Tensor], Tensor]
"""Feature map [B, D, h, w] to code indices of any shape."""


def encoders(codes: Tensor) -> dict[str, Encode]:
    """Three quantizers with the same codes [K, D]."""
    ours, taming = VectorQuantizer(*codes.shape), VectorQuantizer2(*codes.shape, beta=0.25)
    library = VectorQuantize(dim=codes.shape[1], codebook_size=len(codes), accept_image_fmap=True)
    ours.codebook.data.copy_(codes)
    taming.embedding.weight.data.copy_(codes)
    library.codebook = codes
    for module in (ours, taming, library):
        module.to(codes.device).eval()
    return {
        "here": lambda z: ours(z).indices,
        "taming": lambda z: taming(z)[2][2],
        "vector-quantize-pytorch": lambda z: library(z)[1],
    }


def by_turns(encode: dict[str, Encode], z: Tensor, rounds: int) -> dict[str, float | None]:
    """Median seconds of each after one turn to warm up; None for those that memory does not suffice for."""
    seconds: dict[str, list[float]] = {name: [] for name in encode}
    failed, first = set[str](), None
    for turn in range(rounds + 1):
        for name in (name for name in encode if name not in failed):
            started = time.perf_counter()
            try:
                with torch.inference_mode():
                    found = encode[name](z).flatten()
                    _wait(z.device)
            except (RuntimeError, MemoryError):  # torch's word for a failed allocation on a CPU
                failed.add(name)
                continue
            if turn:
                seconds[name].append(time.perf_counter() - started)
            first = found if first is None else first
            assert (found == first).float().mean() > 0.999, f"{name} chooses other codes"  # but for rounding
    return {name: statistics.median(taken) if taken else None for name, taken in seconds.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=8_192)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=float, default=12)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cpu":
        most = int(arguments.gib * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{named}; {arguments.vectors:,} vectors of width {arguments.width}, float32, torch {torch.__version__}")
    print("| codes | here, ms | taming, ms | times as fast | vector-quantize-pytorch, ms | times as fast |")
    print("|--:|--:|--:|--:|--:|--:|")
    torch.manual_seed(0)
    z = torch.randn(arguments.vectors // SIDE**2, arguments.width, SIDE, SIDE, device=device)
    for count in CODES:
        taken = by_turns(encoders(torch.randn(count, arguments.width, device=device)), z, arguments.rounds)
        own = taken.pop("here")
        assert own is not None, "not enough memory for this one"
        cells = [f"{1000 * t:,.1f} | {t / own:.2f}" if t else "out of memory |" for t in taken.values()]
        print(f"| {count:,} | {1000 * own:,.1f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
