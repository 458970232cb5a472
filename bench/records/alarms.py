"""Sanity alarms: signs that a number should not be taken at face value, as sentences for a record's warnings.

An alarm changes no value. Each function returns a sentence for each fault it finds, with the figure and its bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.contracts.result import Score

LOW_USAGE = 0.05
"""Of the codes that even draws would reach: below this at least 19 of 20 learnt codes are dead weight."""

SATURATED_HINGE = 0.05
"""Hinge loss is 1 at zero logits and 0 where all are beyond the margin: here it is as if 19 of 20 patches were.

The discriminator then learns from almost nothing. Balanced trainings at preset tiny end between 0.07 and 0.2.
"""

LAST_SHARE = 0.1
"""Share of the training whose mean counts: losses swing from one stretch to the next."""

STILL_CODEBOOK = 1e-3
"""Relative change: the 60 steps of preset smoke alone give ten times as much."""

FAR_FROM_CONTROL = 2.0
"""Times the control's distance: it learns no code, so a sound method stays below 1; the rest is room for what another
seed or another K changes."""


def low_usage(metrics: Mapping[str, Score], codes: int) -> list[str]:
    """Hardly any code is used.

    What few tokens can reach at most is taken into account, and residual codes are judged level by level: of their
    K^L sums only a few can ever occur.

    Args:
        metrics: those of the reconstruction task; `n` of `normalised_usage` counts tokens.
        codes: K.
    """
    levels = [name for name in metrics if name.startswith("normalised_usage/")]
    return [
        f"{name.removeprefix('normalised_')} {100 * found.value:.3g} % of what {found.n:,} even draws from {codes:,} "
        f"codes would reach; below {100 * LOW_USAGE:g} %"
        for name, found in metrics.items()
        if name in (levels or ["normalised_usage"]) and found.value < LOW_USAGE
    ]


def worse_than_mean_image(psnr: float, psnr_of_mean: float) -> list[str]:
    """Reconstructions are further from the test images than the training mean is, both in dB."""
    if psnr >= psnr_of_mean:
        return []
    return [f"psnr {psnr:.2f} dB; below the {psnr_of_mean:.2f} dB of showing the mean training image every time"]


def saturated_discriminator(losses: Mapping[str, Sequence[float]]) -> list[str]:
    """The discriminator has won.

    Args:
        losses: as in `bench.experiment.train.History`; the hinge loss of a discriminator, where there is one, is named
            "discriminator", and all end at the same step.
    """
    if "discriminator" not in losses:
        return []
    stretches = max(len(values) for values in losses.values())
    last = losses["discriminator"][-math.ceil(LAST_SHARE * stretches) :]
    mean = math.fsum(last) / len(last)
    if mean >= SATURATED_HINGE:
        return []
    return [
        f"the discriminator has won: its hinge loss is {mean:.2g} over the last {100 * LAST_SHARE:g} % of the "
        f"training; below {SATURATED_HINGE:g}"
    ]


def still_codebook(change: float | None) -> list[str]:
    """The codebook has not learnt. change: see `bench.experiment.train.History`, None where it is not meant to move."""
    if change is None or change >= STILL_CODEBOOK:
        return []
    return [f"the codebook moved by {change:.2g} of its norm in training; below {STILL_CODEBOOK:g}"]


def far_from_control(distances: Mapping[str, float], controls: Sequence[Mapping[str, float]]) -> list[str]:
    """Distances far above those of a codebook that nobody learnt.

    Args:
        distances: metric name to value, lower is better.
        controls: the same of each control that has a codebook; the worst of them is the measure.
    """
    found = []
    for name, value in sorted(distances.items()):
        worst = max((control[name] for control in controls if name in control), default=math.inf)
        if value > FAR_FROM_CONTROL * worst:
            found.append(f"{name} {value:.4g} against {worst:.4g} for a control; above {FAR_FROM_CONTROL:g} times that")
    return found
