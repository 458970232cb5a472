"""Records of designs that tests make up: every subset of losses around a base, with effects that are known."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from bench.effects.sources import Sources
from bench.records.record import Record
from bench.records.store import RecordStore
from helpers.made_records import a_record

LOSSES = ("gsa", "mtp", "ras")
IMAGES = 60
ENCODER = "tiny-clip"
SOURCES = Sources()


def subsets() -> list[tuple[str, ...]]:
    return [subset for size in range(4) for subset in itertools.combinations(LOSSES, size)]


def arguments_of(method: str, **given: Any) -> dict[str, Any]:
    """All arguments of a registered method, as a record holds them."""
    return json.loads(json.dumps({**(SOURCES.defaults(method) or {}), **given}))


def a_setting(losses: Iterable[str] = (), base: str = "vqgan", **given: Any) -> dict[str, Any]:
    """The method and arguments of a base with losses around it, as fields of `a_record`."""
    losses = list(losses)
    if not losses:
        return {"method": base, "arguments": arguments_of(base, **given)}
    arguments = arguments_of("lgvq", base=base, losses=losses, **given)
    return {"method": "lgvq", "arguments": arguments, "text_encoder": ENCODER}


def made(setting: Mapping[str, Any], value: float = 0.5, seed: int = 0, **changes: Any) -> Record:
    """One record of a setting, with a key of its own."""
    fields = {**setting, "seed": seed, **changes}
    key = hashlib.sha256(json.dumps([fields, value], sort_keys=True, default=str).encode()).hexdigest()[:20]
    return a_record(accuracy=value, **{"key": key, **fields})


def a_design(base: str = "vqgan", seeds: int = 3, value: float = 0.5, **given: Any) -> list[Record]:
    """Eight subsets, all of one value."""
    return [
        made(a_setting(subset, base, **given), value, seed)
        for subset in subsets()
        for seed in range(seeds)
    ]  # fmt: skip


def stored(
    store: RecordStore,
    effects: Mapping[str, float],
    *,
    base: str = "vqgan",
    seeds: int = 3,
    metric: str = "accuracy",
    mean: float = 0.7,
    training: float = 0.004,
    of_images: float = 0.2,
    rng_seed: int = 0,
    fields: Mapping[str, Any] | None = None,
    higher: bool = True,
    task: str = "vqa",
    unit: str = "",
    only: Iterable[tuple[str, ...]] | None = None,
    **given: Any,
) -> Iterator[Record]:
    """Written records of a design with scores of single images.

    A score is the sum of mean, the effects of the losses that are on, what the image, the seed and the training add.

    Args:
        effects: loss to what it adds to the mean; "gsa+mtp" to what both add together.
        training, of_images: standard deviations.
        fields: further fields of the records.
    """
    rng = np.random.default_rng(rng_seed)
    of_seed = rng.normal(0, training, seeds)
    images = np.random.default_rng(99).normal(0, of_images, IMAGES)  # all designs are measured on the same
    images -= images.mean()
    for subset in subsets():
        shift = sum(effect for names, effect in effects.items() if set(names.split("+")) <= set(subset))
        for seed in range(seeds):
            noise = of_seed[seed] + rng.normal(0, training)
            if only is None or subset in set(only):
                scores = (mean + shift + noise + images + rng.normal(0, of_images / 20, IMAGES)).astype(np.float32)
                measured = {
                    "value": float(scores.mean(dtype=np.float64)), "n": IMAGES, "higher_is_better": higher,
                    "unit": unit, "over": "examples",
                }  # fmt: skip
                record = made(
                    a_setting(subset, base, **given), mean, seed, metrics={metric: measured}, task=task,
                    **(fields or {}),
                )  # fmt: skip
                yield store.write(record, {metric: scores})
