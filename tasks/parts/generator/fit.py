"""Fitting a generator to codes, once: tasks that fit the same one share it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.task import Work
from bench.presets import Budget
from bench.system import fingerprint, streams
from bench.system.batches import shuffled
from bench.system.kept import key_of
from bench.system.resume import Part
from bench.tasks.parts.generator.model import CodeGenerator, CodeModel, Condition, sequences
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.fit_once import fit_once


class Fitted(NamedTuple):
    """A fitted generator and the seconds its fitting took, now or when it was put in the cache."""

    generator: CodeGenerator
    seconds: float


class _Done(Iterator[int]):
    """How many steps lie behind, also after a fit was interrupted."""

    def __init__(self) -> None:
        self.steps = 0

    def __next__(self) -> int:
        self.steps += 1
        return self.steps - 1

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])


def fitted(model: type[CodeModel], make_condition: Callable[[], Condition], work: Work) -> Fitted:
    """A generator fitted to the codes of all training images, in an order drawn with the seed.

    Args:
        model: the kind of generator.
        make_condition: called once the random state is set; what the generator is told about an image.
        work: it has codes. The training split's folder keeps the generator, so that tasks that fit the same one to the
            same codes find it there.

    Raises:
        BenchError: the weights cannot be kept; see `bench.system.kept`.
        TrainingDiverged: the loss is not finite.
    """
    codes, budget, cache = work.codes_of("train"), work.budget, work.dataset["train"].cache
    assert codes is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(work.seed)
        condition = make_condition()
        tokens, length = int(codes.codebook.shape[-2]), int(codes.array[0].size)
        code_model = model(tokens, budget.width, budget.layers, condition.length, length)
        generator = CodeGenerator(code_model, condition, budget.width).to(work.device)
        key = _key(generator, codes, tokens, budget, work.seed)
        path = None if cache is None else cache / f"generator-{key}.safetensors"
        batches = shuffled(len(codes), budget.batch_size, streams.generator(work.seed, "batches"))
        done = _Done()
        draws: list[Part] = [batches, done, *condition.draws]
        checkpoint = work.checkpoint_of("generator")

        def loss() -> Tensor:
            rows = next(batches)
            return generator.loss(rows, sequences(codes, rows, work.device), next(done) / budget.steps)

        seconds = fit_once(generator, lambda: head.fit(generator, loss, budget, work.device, draws, checkpoint), path)
    return Fitted(generator, seconds)


def _key(generator: CodeGenerator, codes: Codes, tokens: int, budget: Budget, seed: int) -> str:
    """Hash of everything that determines the fitted weights; the folder stands for the data set."""
    array = hashlib.sha256(np.ascontiguousarray(codes.array).tobytes()).hexdigest()
    parts = (generator.model, generator.condition)
    code = fingerprint.of_code([Path(__file__), *(Path(inspect.getfile(type(part))) for part in parts)])
    names = [type(part).__name__ for part in parts]
    identity = [array, tokens, names, generator.condition.identity, asdict(budget), seed, code]
    return key_of(identity)
