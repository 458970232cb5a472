"""How text to image samples, compared on captions of validation images by a judge and a detector that teach nothing.

    python scripts/choose_text_to_image.py [--method vqgan] [--images 500] [--cache runs/cache]

Trains the method's tokenizer and one generator at preset tiny, seed 0, unless a run has left them in the cache, then
prints a line for each way of sampling. Test data play no part. Rows above the others are what real validation images,
and their reconstructions, reach.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from choose_heads import material

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.features.extractor import load_extractor
from bench.images import grid_png, to_uint8
from bench.metrics import clip_score, distance
from bench.presets import PRESETS
from bench.system import streams
from bench.tasks.parts.generator import placed
from bench.tasks.parts.generator.fit import fitted
from bench.tasks.parts.generator.model import Autoregressive, CodeGenerator, sequences
from bench.tasks.parts.generator.sample import make_images
from bench.tasks.parts.generator.text_condition import TextCondition
from bench.tasks.parts.language.captions import one_each
from bench.tasks.parts.language.named_corners import exchanged
from bench.tasks.parts.networks.decoding import Sampling
from bench.tasks.parts.networks.detector import Detector, detect, fitted_detector
from bench.text.load import load_image_text_encoder, load_text_encoder

CPU = torch.device("cpu")
TINY = PRESETS["tiny"]
CANDIDATES = [Sampling(top_p=top_p, guidance=guidance) for top_p in (1.0, 0.95, 0.9) for guidance in (1, 1.5, 2, 3)]
SHOWN = 24
OWN, OTHER = "own", "exchanged"
"""Captions that name two corners, and the same with these exchanged."""


def main() -> None:
    """Print a table, and write a grid of pictures for each candidate into the cache."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--method", default="vqgan")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    torch.set_num_threads(TINY.threads)
    codes, splits = material(arguments.method, arguments.cache.resolve())
    shown = _first(splits["test"], arguments.images)
    codes["test"] = replace(codes["test"], array=codes["test"].array[: arguments.images])
    work = Work(codes, splits | {"test": shown}, TINY.generator, 0, CPU)
    rows = np.arange(len(shown))
    captions = one_each(shown, range(len(shown)), streams.generator(0, "test captions"))
    detector = fitted_detector(splits["train"], CPU)
    print("| sampling | objects placed | R-precision | CLIP score | fd_scene-cnn |\n|---|--:|--:|--:|--:|")
    real = np.asarray(shown.images)
    _line("real images", real, real, captions, detector)
    decoded = to_uint8(codes["test"].decode(codes["test"].rows(rows, CPU)))
    _line("their reconstructions", decoded, real, captions, detector)
    encoder = load_text_encoder("tiny-clip")
    pairs = exchanged(shown.captions)
    told = {"test": captions, OWN: [pair.caption for pair in pairs], OTHER: [pair.other for pair in pairs]}
    generator, seconds = fitted(
        Autoregressive,
        lambda: TextCondition(encoder, splits["train"], told, TINY.generator.width, 0),
        work,
    )
    images = np.array([pair.image for pair in pairs])
    own, other = (_log_likelihoods(generator, codes["test"], images, name) for name in (OWN, OTHER))
    print(f"two corners of a caption exchanged: {np.mean(own - other):.2f} nats, right one {np.mean(own > other):.3f}")
    for sampling in CANDIDATES:
        images = make_images(generator, work, "test", sampling).images
        name = f"nucleus {sampling.top_p}, guidance {sampling.guidance}"
        _line(name, images, real, captions, detector)
        (arguments.cache / f"t2i, {name}.png").write_bytes(grid_png(images[:SHOWN], columns=8, scale=3))
    print(f"the generator's fit took {seconds:.0f} s")


def _log_likelihoods(generator: CodeGenerator, codes: Codes, images: np.ndarray, captions: str) -> np.ndarray:
    """Log likelihoods of the codes of these images in nats, float64 [N], given the captions of this name."""
    found = []
    for number, image in enumerate(images):
        ids = sequences(codes, np.array([image]), CPU)  # [1, T]
        context = generator.context(captions, np.array([number]))
        with torch.inference_mode():
            found.append(-generator.model.loss(context, ids, 1.0).item() * ids.shape[1])
    return np.array(found)


def _first(split: Split, images: int) -> Split:
    return replace(split, images=split.images[:images], captions=split.captions[:images], boxes=(), questions=())


def _line(name: str, images: np.ndarray, real: np.ndarray, captions: list[str], detector: Detector) -> None:
    """Print what images for these captions reach."""
    judge, extractor = load_image_text_encoder("judge"), load_extractor("scene-cnn")
    result = TaskResult()
    placed.score(result, placed.asked(captions, detector.names), detect(detector, images, CPU), "")
    cosines = clip_score.cosines(judge, images, captions)
    nearest = clip_score.r_precision(cosines, captions, streams.generator(0, "distractors")).mean()
    far = distance.frechet_distance_of(extractor.features(real), extractor.features(images), False)
    values = (result.metrics["objects_placed"].value, nearest, clip_score.clip_score(cosines).mean(), far)
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
