"""Make the frozen codebook of vqgan-lc: clusters of what a pretrained network sees in the patches of training images.

    python scripts/make_codebook.py --output FILE.safetensors [--extractor efficientnet-lite0] [--dataset emoji-scenes]
        [--root DIR] [--size 32] [--images 2000] [--codes 512] [--seed 0] [--cache runs/cache]
    python -m bench run --methods vqgan-lc --tasks vqa --set vqgan-lc.codebook=FILE.safetensors

Images are drawn from the training split alone. Patches with equal features count once, or the plain ground of drawn
images would take many codes. The clusters are Lloyd's from random patches; the same arguments give the same file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.contracts.data import DataSet
from bench.errors import BenchError, UsageError
from bench.features.extractor import load_extractor
from bench.methods.parts.codebook_renewal import kmeans
from bench.methods.vqgan_lc import NAME
from bench.registry import datasets
from bench.system.files import sha256_of

BATCH = 100
ITERATIONS = 50


class Layer(NamedTuple):
    """Where an extractor has features of patches. of: its module that gives them, from the extractor's network.

    read: that module's output to features [B, patches, F].
    """

    of: Callable[[Any], nn.Module]
    read: Callable[[Any, Tensor], Tensor]


def _map(_: Any, output: Tensor) -> Tensor:
    """[B, F, h, w] to [B, h*w, F]."""
    return output.flatten(2).transpose(1, 2)


def _tokens_of_clip(extractor: Any, output: Tensor) -> Tensor:
    """Tokens [B, 1 + patches, W] without the class token, projected as that one is: CLIP's own space."""
    return output[:, 1:] @ extractor.encoder.clip.visual.proj


LAYERS: Mapping[str, Layer] = {
    "scene-cnn": Layer(lambda extractor: extractor.network, _map),
    "efficientnet-lite0": Layer(lambda extractor: extractor.network, _map),
    "dinov2": Layer(
        lambda extractor: extractor.network.norm,
        lambda extractor, output: output[:, extractor.network.num_prefix_tokens :],
    ),
    "open-clip": Layer(lambda extractor: extractor.encoder.clip.visual.ln_post, _tokens_of_clip),
}
"""Extractors with features of patches; the paper has CLIP's, of a larger model."""


def patch_features(extractor: Any, images: np.ndarray) -> Tensor:
    """What the extractor sees in the patches of images uint8 [B, S, S, 3], before it makes one vector of them.

    Returns:
        float [B, patches, F]
    """
    layer = LAYERS[extractor.name]
    seen: list[Tensor] = []
    hook = layer.of(extractor).register_forward_hook(lambda *passed: seen.append(passed[-1]))  # a module's output
    try:
        extractor.features(images)
    finally:
        hook.remove()
    with torch.inference_mode():
        return layer.read(extractor, seen[-1]).float().cpu()


def cluster(features: Tensor, codes: int, seed: int) -> Tensor:
    """Centres [codes, F] of the different ones of features [N, F].

    Raises:
        UsageError: there are fewer of them than codes.
    """
    different = features.clone().unique(dim=0)
    if len(different) < codes:
        raise UsageError(f"{len(different):,} different patches cannot give {codes:,} codes; give more --images")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kmeans(different, codes, ITERATIONS)


def training_images(name: str, size: int, root: Path | None, count: int, seed: int, cache: Path) -> np.ndarray:
    """At most `count` images of a data set's training split, uint8 [N, size, size, 3], drawn at random."""
    entry = datasets.get(name)
    given: dict[str, Any] = {"cache": cache} if entry.facts.reads_files else {}
    dataset: DataSet = entry.load()(size=size, root=root, **given)
    images = dataset.split("train", cache).images
    rows = np.random.default_rng(seed).permutation(len(images))[:count]
    return np.asarray(images[np.sort(rows)])


def main() -> None:
    """Write the file; print how far the vectors are from the patches they stand for, and the file's hash.

    Raises:
        SystemExit: with one line that says what cannot be had.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--extractor", choices=LAYERS, default="efficientnet-lite0")
    parser.add_argument("--dataset", default="emoji-scenes")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--codes", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    asked = parser.parse_args()
    torch.set_num_threads(1)  # their number moves sums
    try:
        vectors, patches = make(asked)
    except BenchError as error:
        raise SystemExit(str(error)) from error
    told = {name: getattr(asked, name) for name in ("extractor", "dataset", "size", "images", "codes", "seed")}
    save_file({NAME: vectors}, asked.output, metadata={"made": json.dumps(told)})  # several entries have no fixed order
    nearest = torch.cdist(patches, vectors).amin(1).square().mean()
    left = nearest / (patches - patches.mean(0)).square().sum(1).mean()
    print(f"{len(vectors):,} vectors {vectors.shape[1]} wide; of the patches' variance {left:.1%} is left")
    print(f"sha256 {sha256_of(asked.output)}")


def make(asked: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """The vectors [K, F] that were asked for, and some of the patches' features [N, F].

    Raises:
        DataError: the extractor's weights or the data set's files are missing.
        UsageError: there are too few patches.
    """
    if asked.codes < 2:
        raise UsageError(f"--codes {asked.codes}: a codebook that is mapped linearly has 2 codes or more")
    extractor = load_extractor(asked.extractor)
    images = training_images(asked.dataset, asked.size, asked.root, asked.images, asked.seed, asked.cache)
    parts = [patch_features(extractor, images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    features = torch.cat(parts).flatten(0, 1)
    return cluster(features, asked.codes, asked.seed), features[:10_000]


if __name__ == "__main__":
    main()
