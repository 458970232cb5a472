"""Fitting a generator of codes; fitted ones are kept, so that another way of scoring needs no other fit."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.contracts.codes import Codes
from bench.errors import DataError
from bench.presets import Budget
from bench.system import fingerprint
from bench.system.files import write_atomic
from tasks.parts.generator.model import CodeGenerator, CodeModel, Condition, sequences
from tasks.parts.networks import head


class Fitted(NamedTuple):
    """A fitted generator and the seconds its fitting took, now or when it was put in the cache."""

    generator: CodeGenerator
    seconds: float


def fitted(
    model: type[CodeModel],
    condition: Callable[[], Condition],
    codes: Codes,
    budget: Budget,
    seed: int,
    device: torch.device,
    cache: Path | None,
) -> Fitted:
    """A generator fitted to the codes of all training images, in an order drawn with the seed.

    Args:
        cache: the training split's folder. Tasks that fit the same generator to the same codes find it there, and
            another way of scoring needs no other fit.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        told = condition()
        tokens, length = int(codes.codebook.shape[-2]), int(codes.array[0].size)
        made = model(tokens, budget.width, budget.layers, told.length, length)
        generator = CodeGenerator(made, told, budget.width).to(device)
        path = (
            None if cache is None else cache / f"generator-{_key(generator, codes, tokens, budget, seed)}.safetensors"
        )
        if path is not None and path.exists():
            return Fitted(generator, _load(generator, path))
        started = time.perf_counter()
        head.fit(generator, _loss(generator, codes, budget, seed, device), budget, device)
        seconds = time.perf_counter() - started
    if path is not None:
        state = {name: value.cpu().contiguous() for name, value in generator.state_dict().items()}
        write_atomic(path, save(state, {"seconds": repr(seconds)}))
    return Fitted(generator, seconds)


def _loss(
    generator: CodeGenerator, codes: Codes, budget: Budget, seed: int, device: torch.device
) -> Callable[[], Tensor]:
    """The loss of the next batch at each call."""
    draw = np.random.default_rng([seed, 0])
    rows_left = np.empty(0, np.int64)

    def loss() -> Tensor:
        nonlocal rows_left
        while len(rows_left) < budget.batch_size:
            rows_left = np.concatenate([rows_left, draw.permutation(len(codes))])
        rows, rows_left = rows_left[: budget.batch_size], rows_left[budget.batch_size :]
        return generator.loss(rows, sequences(codes, rows, device))

    return loss


def _key(generator: CodeGenerator, codes: Codes, tokens: int, budget: Budget, seed: int) -> str:
    """Hash of everything that determines the fitted weights; the folder stands for the data set."""
    array = hashlib.sha256(np.ascontiguousarray(codes.array).tobytes()).hexdigest()
    parts = (generator.model, generator.condition)
    code = fingerprint.of_code([Path(__file__), *(Path(inspect.getfile(type(part))) for part in parts)])
    names = [type(part).__name__ for part in parts]
    identity = [array, tokens, names, generator.condition.identity, asdict(budget), seed, code]
    return fingerprint.of_value(identity)[:20]


def _load(generator: CodeGenerator, path: Path) -> float:
    """Put kept weights in; returns the seconds their fitting took.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            seconds = float(file.metadata()["seconds"])
        generator.load_state_dict(state, strict=True)
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and it is made anew") from error
    generator.eval()
    return seconds
