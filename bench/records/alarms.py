"""Alarms: signs that something went wrong in a cell that did finish, as sentences for its record's warnings.

An alarm changes no value. Each function returns one sentence a fault, with the figure and the bound that it breaks;
an empty list means that nothing is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.contracts.result import Score

LOW_USAGE = 0.05
"""Share of the codes in use, of those that drawing codes evenly would use: below it, 19 of 20 codes do nothing."""

SATURATED_HINGE = 0.05
"""Hinge loss of the discriminator below which it has won.

The loss is 1 where it answers 0 to everything, and 0 where every patch, real or reconstructed, is beyond the margin; at
0.05 about 19 of 20 patches are, so that it learns from almost nothing. Balanced trainings at preset tiny end between
0.07 and 0.2.
"""

LAST_SHARE = 0.1
"""Share of the training, at its end, over which the loss is averaged, since it swings from stretch to stretch."""

STILL_CODEBOOK = 1e-3
"""Change of the codebook in training, divided by its norm. The 60 steps of preset smoke give ten times as much."""

FAR_FROM_CONTROL = 2.0
"""Distance of a method divided by that of a control. The control learns no code, so that a sound method stays below 1;
above 1 is room for what another seed or another number of codes changes."""


def low_usage(metrics: Mapping[str, Score], codes: int) -> list[str]:
    """Warn if hardly any code of the codebook is used.

    Usage is normalised: divided by what as many tokens, drawn evenly from all codes, would use, since few tokens cannot
    reach many codes. Residual codes are judged level by level: of the K^L sums of L levels only a few can ever occur.

    Args:
        metrics: those of the reconstruction task; `n` of `normalised_usage` counts tokens.
        codes: K, the size of the codebook or of each level.
    """
    levels = [name for name in metrics if name.startswith("normalised_usage/")]
    return [
        f"{name.removeprefix('normalised_')} {100 * found.value:.3g} % of what {found.n:,} even draws from {codes:,} "
        f"codes would reach; below {100 * LOW_USAGE:g} %"
        for name, found in metrics.items()
        if name in (levels or ["normalised_usage"]) and found.value < LOW_USAGE
    ]


def worse_than_mean_image(psnr: float, psnr_of_mean: float) -> list[str]:
    """Warn if reconstructions are further from the test images than the mean training image is; both in dB."""
    if psnr >= psnr_of_mean:
        return []
    return [f"psnr {psnr:.2f} dB; below the {psnr_of_mean:.2f} dB of showing the mean training image every time"]


def saturated_discriminator(losses: Mapping[str, Sequence[float]]) -> list[str]:
    """Warn if the discriminator has won: it tells reconstructions from images so surely that it stops learning.

    Args:
        losses: name to mean loss of each stretch of steps, as in `bench.experiment.train.History`. The hinge loss of a
            discriminator, where there is one, is named "discriminator"; it may start later, but all end together.
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
    """Warn if training has left the codebook where it was.

    Args:
        change: see `bench.experiment.train.History`; None where the codebook is not meant to move.
    """
    if change is None or change >= STILL_CODEBOOK:
        return []
    return [f"the codebook moved by {change:.2g} of its norm in training; below {STILL_CODEBOOK:g}"]


def far_from_control(distances: Mapping[str, float], controls: Sequence[Mapping[str, float]]) -> list[str]:
    """Warn of distances far above those of a codebook that nobody learnt.

    Args:
        distances: name to Frechet distance, mean over seeds.
        controls: the same of each control that has a codebook; the largest of each distance is what counts.
    """
    found = []
    for name, value in sorted(distances.items()):
        worst = max((control[name] for control in controls if name in control), default=math.inf)
        if value > FAR_FROM_CONTROL * worst:
            found.append(f"{name} {value:.4g} against {worst:.4g} for a control; above {FAR_FROM_CONTROL:g} times that")
    return found
