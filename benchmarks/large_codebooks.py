"""A training step of cvq and gumbel with many codes, by this project's draws and by torch's own.

    python benchmarks/large_codebooks.py [--codes 4096] [--rounds 5] [--steps 6]

Both draw from the same distributions. The plain way draws anchors by `torch.multinomial` and codes by
`torch.nn.functional.gumbel_softmax`, and lets malloc give memory back. Turns in processes of their own, medians.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from steps import training_step
from torch import Tensor
from typing_extensions import override

from bench.contracts.method import Batch, Quantized
from bench.methods.cvq import ClusterQuantizer
from bench.methods.gumbel import GumbelQuantizer, from_uniform
from bench.methods.parts.vector_quantizer import to_map, to_rows
from bench.presets import PRESETS
from bench.registry import methods
from bench.system.memory import keep_freed_memory

WARM_UP = 2


class PlainCluster(ClusterQuantizer):
    """Anchors by `torch.multinomial`."""

    @override
    def _anchors(self, rows: Tensor, near: Tensor) -> Tensor:
        return rows[torch.multinomial(near.T.softmax(1), 1)[:, 0]]


class PlainGumbel(GumbelQuantizer):
    """Codes by `F.gumbel_softmax`."""

    @override
    def forward(self, z: Tensor) -> Quantized:
        logits = self.logits(to_rows(z))
        chosen = F.gumbel_softmax(logits, self.temperature(), hard=True)
        self.steps += 1
        indices = chosen.argmax(1).view(len(z), *z.shape[2:])
        return Quantized(to_map(chosen @ self.codebook, z), indices, self.divergence * from_uniform(logits))


PLAIN = {"cvq": PlainCluster, "gumbel": PlainGumbel}


def measure(name: str, plain: bool, codes: int, steps: int) -> float:
    """Seconds of a step of preset `tiny` in this process, after `WARM_UP` steps."""
    if not plain:
        keep_freed_memory()
    preset = dataclasses.replace(PRESETS["tiny"], codes=codes)
    torch.manual_seed(0)
    tokenizer = methods.get(name).load()().build(preset, "emoji-scenes", None).train()
    tokenizer.to(memory_format=torch.channels_last)
    if plain:
        tokenizer.quantizer.__class__ = PLAIN[name]
    images = torch.rand(preset.batch_size, 3, preset.image_size, preset.image_size) * 2 - 1
    step = training_step(tokenizer, Batch(images, None), preset)
    for number in range(-WARM_UP, steps):
        if number == 0:
            started = time.perf_counter()
        step()
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--codes", type=int, default=4_096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--once", nargs=2, help="measure one method one way in this process")
    arguments = parser.parse_args()
    if arguments.once is not None:
        name, way = arguments.once
        print(measure(name, way == "plain", arguments.codes, arguments.steps))
        return
    batch = PRESETS["tiny"].batch_size
    print(
        f"CPU, {torch.get_num_threads()} threads; tiny, batch {batch}, fp32, K {arguments.codes:,}, {torch.__version__}"
    )
    print("| training | plain, images/s | here, images/s | times as fast |\n|---|--:|--:|--:|")
    for name in PLAIN:
        seconds: dict[str, list[float]] = {"plain": [], "here": []}
        for _ in range(arguments.rounds):
            for way, taken in seconds.items():
                sizes = ["--codes", str(arguments.codes), "--steps", str(arguments.steps)]
                command = [sys.executable, __file__, *sizes, "--once", name, way]
                taken.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        plain, here = (statistics.median(taken) for taken in seconds.values())
        print(f"| {name} | {batch / plain:.1f} | {batch / here:.1f} | {plain / here:.2f} |", flush=True)


if __name__ == "__main__":
    main()
