"""The losses of a tokenizer's training, short enough to be kept with a record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence

import numpy as np

POINTS = 100
"""Of a loss."""
DIGITS = 4


def losses_json(losses: Mapping[str, Sequence[float]]) -> str:
    """As JSON of numbers: `losses`, name to means over at most 100 equal stretches of the training.

    All end together: a loss that began later has null before.
    """
    stretches = max(map(len, losses.values()), default=0)
    edges = np.linspace(0, stretches, min(POINTS, stretches) + 1).round().astype(int)
    return json.dumps({"losses": {name: _means(values, edges) for name, values in losses.items()}}) + "\n"


def _means(values: Sequence[float], edges: np.ndarray) -> list[float | None]:
    missing = int(edges[-1]) - len(values)
    spans = itertools.pairwise(np.maximum(edges - missing, 0).tolist())
    parts = (values[start:end] for start, end in spans)
    return [float(f"{np.mean(part):.{DIGITS}g}") if len(part) else None for part in parts]
