"""Metrics of others: functions that a plug-in registers with `compares`, which the harness then calls itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from bench.contracts.facts import MetricFacts
from bench.contracts.registration import Entry
from bench.registry import metrics
from bench.system import fingerprint

Compares = Literal["images", "features"]


def registered(compares: Compares) -> dict[str, Callable[..., Any]]:
    """The functions of a kind by their metrics' names; see `bench.contracts.facts.MetricFacts` for what they take."""
    return {entry.name: entry.load() for entry in _entries(compares)}


def protocol(compares: Compares) -> dict[str, object]:
    """What they add to a protocol: nothing where there are none, so that others' records keep their keys."""
    code = {entry.name: fingerprint.of_code([entry.path]) for entry in _entries(compares)}
    return {f"metrics from outside on {compares}": code} if code else {}


def _entries(compares: Compares) -> list[Entry[MetricFacts]]:
    return [entry for entry in metrics.entries() if entry.from_outside and entry.facts.compares == compares]
