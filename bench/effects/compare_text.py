"""Two methods side by side, for a terminal: the numbers, then a sentence for each metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.effects.compare import Compared, Comparison
from bench.effects.gather import Asked
from bench.effects.naming import listed
from bench.effects.report import p_shown
from bench.effects.verdicts import POINTS, change_shown, error_shown, scaled, unit_of, verdict
from bench.statistics.effect import Effect
from bench.statistics.trainings import Trainings
from bench.system.terminal import one_line

ONE = "these trainings only, another training may differ"
HEAD = ("metric", "first", "second", "difference", "se of trainings", "se of images", "p", "findable")
MEAN_DIGITS = 4


def to_text(comparisons: Sequence[Comparison]) -> str:
    """One block for each data set, preset and protocol."""
    return "\n".join("".join(f"{one_line(line)}\n" for line in _block(one)) for one in comparisons)


def _block(one: Comparison) -> list[str]:
    lines = [f"{one.task} on {one.title}: {' against '.join(one.labels)}"]
    if not one.metrics:
        return [*lines, "  no metric with a direction is measured of both"]
    sides = (one.metrics[0].first, one.metrics[0].second)
    for place, label, side in zip(HEAD[1:], one.labels, sides, strict=False):
        lines.append(f"  {place}: {label}, {_seeds(side)}")
    cells = [HEAD, *map(_cells, one.metrics)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
    for row in cells:
        padded = [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"  {'  '.join([row[0].ljust(widths[0]), *padded])}")
    return [*lines, *(f"  {line}" for line in _sentences(one))]


def _sentences(one: Comparison) -> list[str]:
    """What can be told, a line a metric, and why the rest cannot."""
    found = [(of_metric.metric, of_metric.difference) for of_metric in one.metrics]
    lines = [
        _sentence(one.labels, metric, effect)
        for metric, effect in found
        if effect is not None and effect.training is not None
    ]
    images = [metric.name for metric, effect in found if effect is not None and effect.training is None]
    if images:
        lines.append(f"{listed(images)}: ± is for other images; {ONE}")
    nothing = [metric.name for metric, effect in found if effect is None]
    if nothing:
        lines.append(f"{listed(nothing)}: nothing is known of the error of the difference: {ONE}")
    return lines


def _sentence(labels: tuple[str, str], metric: Asked, found: Effect) -> str:
    means = verdict(found, found.p(), metric)
    text = means.text
    if means.code not in ("equivalent", "unknown"):
        better = labels[0] if (found.estimate > 0) == metric.higher_is_better else labels[1]
        little = metric.margin is not None and means.code.endswith("little")
        text = f"{better} is better" + (f", by less than {metric.margin.shown}" if little and metric.margin else "")
    return f"{metric.name}: {' less '.join(labels)} is {change_shown(found, metric)}: {text}"


def _cells(one: Compared) -> tuple[str, ...]:
    metric, found = one.metric, one.difference
    unit = unit_of(metric)
    name = f"{metric.name} ({unit})" if unit else metric.name
    means = [scaled(side.mean, metric, _decimals(one)) for side in (one.first, one.second)]
    if found is None:
        difference = scaled(one.first.mean - one.second.mean, metric, _decimals(one), sign=True)
        return (name, *means, difference, "—", "—", "—", "—")
    difference = change_shown(found, metric).removesuffix(f" {unit}")
    errors = (error_shown(found.training, metric), error_shown(found.images, metric))
    if found.training is None:  # p and what could be found are of images alone, and would be read as of methods
        return (name, *means, difference, *errors, "—", "—")
    return (name, *means, difference, *errors, p_shown(found.p()), error_shown(found.findable(), metric))


def _seeds(side: Trainings) -> str:
    seeds = ", ".join(map(str, side.seeds))
    return f"1 training (seed {seeds})" if len(side.seeds) == 1 else f"{len(side.seeds)} trainings (seeds {seeds})"


def _decimals(one: Compared) -> int:
    """As many as give the larger mean four digits, and no fewer than one."""
    largest = max(abs(side.mean) for side in (one.first, one.second)) * (POINTS if one.metric.share else 1)
    return 1 if largest == 0 else max(1, MEAN_DIGITS - 1 - math.floor(math.log10(largest)))
