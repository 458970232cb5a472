"""Turn a split into codes, once for each tokenizer, whatever the number of tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import Tokenizer, WordPredictor
from bench.images import to_float
from bench.system.progress import Progress

BATCH = 256


def encode_split(tokenizer: Tokenizer, split: Split, folder: Path, device: torch.device, progress: Progress) -> Codes:
    """Codes of a whole split, memory-mapped from `folder`; made only if they are not there.

    Encoding and decoding run in float32 whatever the precision of training, so that indices do not depend on how a
    batch is cut.
    """
    assert isinstance(tokenizer, nn.Module)
    path = folder / f"{split.name}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{split.name}.{os.getpid()}.npy")
        try:
            _write(tokenizer, split, partial, device, progress)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    codebook = tokenizer.codebook.detach().float().cpu()
    words: WordPredictor | None = getattr(tokenizer, "word_predictor", None)
    array = np.load(path, mmap_mode="r")
    return Codes(array, codebook, tokenizer.discrete, _decoder(tokenizer, device), words)


def _write(tokenizer: Tokenizer, split: Split, path: Path, device: torch.device, progress: Progress) -> None:
    array: np.memmap | None = None
    for start in range(0, len(split), BATCH):
        with torch.inference_mode():
            found = tokenizer.encode(to_float(split.images[start : start + BATCH], device)).cpu().numpy()
        if array is None:
            kind = np.int32 if tokenizer.discrete else np.float32
            array = np.lib.format.open_memmap(path, "w+", kind, (len(split), *found.shape[1:]))
        array[start : start + len(found)] = found
        progress(start + len(found), len(split), f"encode {split.name}")
    if array is not None:
        array.flush()


def _decoder(tokenizer: Tokenizer, device: torch.device) -> Callable[[Tensor], Tensor]:
    def decode(indices: Tensor) -> Tensor:
        with torch.inference_mode():
            return tokenizer.decode(indices.to(device)).float().cpu()

    return decode
