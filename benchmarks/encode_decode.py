"""How fast images are encoded and decoded, against a plain loop over the same network.

    python benchmarks/encode_decode.py [--preset tiny] [--method vqgan] [--batch 256] [--rounds 5] [--device cuda]

Both run eagerly in float32; the plain loop has the usual layout of memory and `torch.no_grad`, this project channels
last and inference mode (see `bench.experiment.encode`). By turns, medians; both must choose the same codes.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from bench.contracts.method import Tokenizer
from bench.presets import PRESETS
from bench.registry import methods
from bench.system.memory import keep_freed_memory

IMAGES = 1_024
"""Of one turn."""

Mode = torch.no_grad | torch.inference_mode


def by_turns(ways: dict[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median images per second of each after one turn to warm up."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                rates[name].append(IMAGES / (time.perf_counter() - started))
    return {name: statistics.median(found) for name, found in rates.items()}


def passes(tokenizer: Tokenizer, what: str, parts: Sequence[Tensor], mode: type[Mode]) -> None:
    """Encode or decode everything, batch by batch."""
    with mode():
        for part in parts:
            getattr(tokenizer, what)(part)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", default="tiny", choices=PRESETS)
    parser.add_argument("--method", default="vqgan")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    keep_freed_memory()  # as jobs of a run do
    device, preset = torch.device(arguments.device), PRESETS[arguments.preset]
    torch.manual_seed(0)
    plain = methods.get(arguments.method).load()().build(preset, "emoji-scenes", None).to(device).eval()
    here = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    images = torch.rand(IMAGES, 3, preset.image_size, preset.image_size, device=device) * 2 - 1
    with torch.no_grad():
        codes = torch.cat([plain.encode(part) for part in images.split(arguments.batch)])
        ours = torch.cat([here.encode(part) for part in images.split(arguments.batch)])
    alike = (codes == ours).float().mean().item()
    assert alike > 0.999, f"only {alike:.2%} of the codes are the same"
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{named}; {arguments.preset}, batch {arguments.batch}, fp32, torch {torch.__version__}")
    print("| what | plain, images/s | here, images/s | times as fast |\n|---|--:|--:|--:|")
    for what, whole in (("encode", images), ("decode", codes)):
        parts = whole.split(arguments.batch)
        ways = {
            "plain": partial(passes, plain, what, parts, torch.no_grad),
            "here": partial(passes, here, what, parts, torch.inference_mode),
        }
        rates = by_turns(ways, arguments.rounds, device)
        print(f"| {what} | {rates['plain']:,.0f} | {rates['here']:,.0f} | {rates['here'] / rates['plain']:.2f} |")


if __name__ == "__main__":
    main()
