"""What the records prove, by how much and how sure: estimators, intervals and marks."""

from __future__ import annotations

from bench.leaderboard.statistics.simple import (
    Estimate,
    Paired,
    holm,
    mean_rank,
    over_examples,
    over_seeds,
    paired,
    ranks,
    standard_error,
)

__all__ = [
    "Estimate",
    "Paired",
    "holm",
    "mean_rank",
    "over_examples",
    "over_seeds",
    "paired",
    "ranks",
    "standard_error",
]
