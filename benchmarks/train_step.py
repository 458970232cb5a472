"""What a method costs: training steps, encoding and decoding per second, parameters and memory.

    python benchmarks/train_step.py [--preset tiny] [--methods lgvq,vqgan] [--precision bf16] [--steps 40]

Each method is built as a run would build it and trained on random images under one fixed caption, past the step where
the discriminator begins: speed does not depend on what is in the images. "ratio" is to the first method named.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from steps import training_step

from bench.contracts.method import Batch, TextBatch, Tokenizer
from bench.errors import BenchError
from bench.experiment.arguments import parse_setting, resolve
from bench.presets import PRESETS, Preset
from bench.registry import methods
from bench.system.environment import peak_memory_mib
from bench.system.memory import keep_freed_memory
from bench.system.precision import multiplies_bf16
from bench.text.load import load_text_encoder

CAPTION = "a red apple at the top left and a yellow banana at the bottom right on a blue background"


class Figures(NamedTuple):
    """Images per second in training, encoding and decoding; trained parameters; MiB at the peak of this process."""

    train: float
    encode: float
    decode: float
    parameters: int
    memory: float


def measure(
    name: str, preset: Preset, settings: list[str], text_encoder: str, steps: int, device: torch.device
) -> Figures:
    """Time one method after a quarter as many steps to warm up."""
    entry = methods.get(name)
    given = [setting for setting in map(parse_setting, settings) if setting.name == name]
    method = entry.load()(**resolve(entry.load(), dict(entry.facts.arguments), given))
    encoder = load_text_encoder(text_encoder, str(device)) if method.needs_text else None
    tokenizer: Tokenizer = method.build(preset, "emoji-scenes", encoder)
    tokenizer.to(device).train()
    tokenizer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as in `bench.experiment.train`
    images = torch.rand(preset.batch_size, 3, preset.image_size, preset.image_size, device=device) * 2 - 1
    text = None
    if encoder is not None:
        ids = encoder.tokenize([CAPTION] * preset.batch_size).to(device)
        text = TextBatch(ids, *encoder.encode(ids))
    train = per_second(training_step(tokenizer, Batch(images, text), preset), steps, device) * len(images)
    tokenizer.eval()
    with torch.inference_mode():
        codes = tokenizer.encode(images)
        encode = per_second(lambda: tokenizer.encode(images), steps, device) * len(images)
        decode = per_second(lambda: tokenizer.decode(codes), steps, device) * len(images)
    count = sum(weight.numel() for weight in tokenizer.parameters() if weight.requires_grad)
    return Figures(train, encode, decode, count, peak_memory_mib(device))


def per_second(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Calls of `work` per second."""
    for _ in range(-(-times // 4)):
        work()
    wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return times / (time.perf_counter() - start)


def wait(device: torch.device) -> None:
    """Let a GPU finish."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", default="tiny", choices=PRESETS)
    parser.add_argument("--methods", default="vqgan,vqvae,lgvq")
    parser.add_argument("--set", action="append", default=[], metavar="NAME.ARG=VALUE")
    parser.add_argument("--text-encoder", default="tiny-clip")
    parser.add_argument("--precision", choices=["bf16", "fp32"], help="by default the preset's")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    keep_freed_memory()  # as jobs of a run do
    preset = PRESETS[arguments.preset]
    preset = dataclasses.replace(preset, precision=arguments.precision or preset.precision)
    device = torch.device(arguments.device)
    if preset.precision == "auto":
        preset = dataclasses.replace(preset, precision="bf16" if multiplies_bf16(device) else "fp32")
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{named}; {arguments.preset}, batch {preset.batch_size}, {preset.precision}, torch {torch.__version__}")
    print("| method | parameters | training, images/s | ratio | encoding, images/s | decoding, images/s | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    first_rate = None
    for name in arguments.methods.split(","):
        try:
            figures = measure(name, preset, arguments.set, arguments.text_encoder, arguments.steps, device)
        except BenchError as error:
            print(f"| {name} | not measured: {error} | | | | | |")
            continue
        first_rate = first_rate or figures.train
        print(
            f"| {name} | {figures.parameters:,} | {figures.train:,.1f} | {figures.train / first_rate:.2f} "
            f"| {figures.encode:,.0f} | {figures.decode:,.0f} | {figures.memory:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
