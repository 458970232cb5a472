"""VQGAN-LC: a frozen codebook of a pretrained network's features, seen through one learned linear layer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Weight
from bench.contracts.method import Method, TextEncoder
from bench.errors import DataError
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.projected_codebook import ProjectedCodebook
from bench.presets import Preset
from bench.registry import methods
from bench.system import untrusted
from bench.system.files import sha256_of

NAME = "codebook"
"""Of the tensor in the file."""
LARGEST = 2**30
"""Bytes of a file: the released codebook, 100,000 vectors 768 wide, takes a third of it."""


class FrozenVectors(ProjectedCodebook):
    """The plain quantizer of vectors that are frozen.

    vectors: float32 [K, F]. They are centred and scaled to variance 1, and the layer starts so that the codes are
    centred on 0 with the mean square of U(-1/K, 1/K): where other codebooks start and what the light encoder's first
    features are made to be near. Codes far larger than the features would be out of their reach.
    """

    def __init__(self, vectors: Tensor, width: int, beta: float) -> None:
        centred = vectors - vectors.mean(0)
        super().__init__(centred / centred.std(), width, beta)
        nn.init.normal_(self.layer.weight)
        with torch.no_grad():
            size = F.linear(self.vectors, self.layer.weight).square().mean().sqrt()
            self.layer.weight.div_(3**0.5 * len(vectors) * size)
            self.layer.bias.zero_()


def read_vectors(path: Path) -> Tensor:
    """The vectors float32 [K, F] of a file of `scripts/make_codebook.py`.

    Raises:
        DataError: it is missing, damaged, too large, or holds something else.
    """
    try:
        tensors = load(untrusted.read(path, LARGEST))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{path}: damaged, or not safetensors: {error}") from error
    vectors = tensors.get(NAME)
    if vectors is None or vectors.ndim != 2 or not vectors.is_floating_point() or min(vectors.shape) < 1:
        raise DataError(f"{path}: holds no vectors [K, F] of the name {NAME!r}")
    vectors = vectors.float()
    if not vectors.isfinite().all():
        raise DataError(f"{path}: holds values that are not finite")
    if len(vectors) < 2 or not (vectors != vectors[0]).any():
        raise DataError(f"{path}: holds no two different vectors")
    return vectors


@methods.register("vqgan-lc")
@dataclass(frozen=True)
class VqGanLc(Method):
    """VQGAN-LC: codes are clusters of a pretrained network's patch features, mapped by one layer (Zhu et al. 2024).

    All that is learned of the codes is the layer, so a step moves every code, chosen or not. As released: frozen
    vectors, the nearest code, 0.33 on the codebook term. What differs:

    - The vectors are those of the file. The paper has CLIP ViT-L/14, ImageNet and K 100,000, clustered class by class.
      `scripts/make_codebook.py` clusters what a feature extractor of `bench/features` sees in the training images of a
      data set, all together.
    - Codes are as wide as those of the other methods (8 there), and start centred and small (see `FrozenVectors`).

    Whoever compares it should know what its network was trained on: the codes carry that into the comparison. K is the
    number of vectors in the file. codebook: the file; keys and records hold its sha256. beta: on the codebook term.
    """

    paper: ClassVar[str] = "arXiv:2406.11837"
    codebook: Path | None = None
    beta: Weight = 0.33
    perceptual: Perceptual = "auto"

    @override
    def missing(self) -> str | None:
        if self.codebook:
            return None
        return "needs --set vqgan-lc.codebook=FILE; python scripts/make_codebook.py --output FILE makes one"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        """The untrained tokenizer; the file's hash is shown on standard error.

        Raises:
            DataError: the file is not given, missing, damaged or not of its kind.
        """
        if not self.codebook:
            raise DataError(f"vqgan-lc {self.missing()}")
        quantizer = FrozenVectors(read_vectors(self.codebook), preset.width, self.beta)
        print(f"vqgan-lc: {self.codebook.name} sha256 {sha256_of(self.codebook)}", file=sys.stderr, flush=True)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
