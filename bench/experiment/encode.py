"""Turn a split into codes, once for each tokenizer, whatever the number of tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import Tokenizer
from bench.errors import ContractError
from bench.images import to_float
from bench.presets import Preset
from bench.system.arrays import new_array
from bench.system.kept import kept_folder
from bench.system.progress import Progress

BATCH = 256
CODES = "codes.npy"


def encode_split(tokenizer: Tokenizer, split: Split, folder: Path, device: torch.device, progress: Progress) -> Codes:
    """Codes of a whole split, memory-mapped from its own folder in `folder`; made only if they are not there.

    Encoding and decoding run in float32 whatever the precision of training, so that indices do not depend on how a
    batch is cut.

    Raises:
        BenchError: they cannot be kept; see `bench.system.kept`.
    """

    def fill(folder: Path) -> None:
        _write(tokenizer, split, folder / CODES, device, progress)

    array = kept_folder(folder / split.name, fill, lambda folder: _open(folder / CODES, len(split)))
    codebook = tokenizer.codebook.detach().float().cpu()
    return Codes(array, codebook, tokenizer.discrete, _decoder(tokenizer, device), tokenizer.word_predictor)


@torch.no_grad()
def check_tokenizer(tokenizer: Tokenizer, name: str, preset: Preset) -> None:
    """Encode and decode two black images before any training, and hold the answers to the contract.

    Leaves the tokenizer and the global random state as they were.

    Raises:
        ContractError: the first thing that is wrong.
    """
    if not isinstance(tokenizer, Tokenizer):
        raise ContractError(f"{name}: build returned a {type(tokenizer).__name__}, no bench.contracts.method.Tokenizer")
    for name_of, what in (("grid", "(h, w)"), ("codebook", "[K, D]")):
        if not hasattr(tokenizer, name_of):  # annotations alone cannot be seen to be fulfilled
            raise ContractError(f"{name}: the tokenizer has no {name_of} {what}")
    training, images = tokenizer.training, [2, 3, preset.image_size, preset.image_size]
    with torch.random.fork_rng(devices=[]):
        tokenizer.eval()
        codes = tokenizer.encode(torch.zeros(images))
        _check_codes(codes, tokenizer, name)
        decoded = list(tokenizer.decode(codes).shape)
        tokenizer.train(training)
    if decoded != images:
        raise ContractError(f"{name}: decode gives images {decoded}, not {images}")


def _check_codes(codes: Tensor, tokenizer: Tokenizer, name: str) -> None:
    codebook = tokenizer.codebook
    if not tokenizer.discrete:
        expected = [2, *tokenizer.grid, codebook.shape[-1]]
    else:
        expected = [2, *tokenizer.grid, *([len(codebook)] if codebook.ndim == 3 else [])]
    what = "indices" if tokenizer.discrete else "vectors"
    if list(codes.shape) != expected:
        raise ContractError(f"{name}: encode gives {what} {list(codes.shape)} for two images, not {expected}")
    if not tokenizer.discrete:
        return
    if codes.dtype != torch.int64:
        raise ContractError(f"{name}: encode gives indices of type {codes.dtype}, not torch.int64")
    low, high, size = int(codes.min()), int(codes.max()), codebook.shape[-2]
    if not 0 <= low <= high < size:
        raise ContractError(f"{name}: encode gives indices from {low} to {high}, of {size} codes")


def _write(tokenizer: Tokenizer, split: Split, path: Path, device: torch.device, progress: Progress) -> None:
    array: np.memmap | None = None
    for start in range(0, len(split), BATCH):
        with torch.inference_mode():
            codes = tokenizer.encode(to_float(split.images[start : start + BATCH], device)).cpu().numpy()
        if array is None:
            kind = np.int32 if tokenizer.discrete else np.float32
            array = new_array(path, kind, (len(split), *codes.shape[1:]))
        array[start : start + len(codes)] = codes
        progress(start + len(codes), len(split), f"encode {split.name}")
    if array is not None:
        array.flush()


def _open(path: Path, images: int) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(array) != images:
        raise ValueError(f"it holds codes of {len(array)} images, not {images}")
    return array


def _decoder(tokenizer: Tokenizer, device: torch.device) -> Callable[[Tensor], Tensor]:
    def decode(indices: Tensor) -> Tensor:
        with torch.inference_mode():
            return tokenizer.decode(indices.to(device)).float().cpu()

    return decode
