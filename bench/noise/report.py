"""What `noise` prints: one row a metric."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contracts.metric import MetricName
from bench.noise.noise import Noise, to_json
from bench.noise.power import SEEDS
from bench.system.terminal import one_line

MISSING = "—"
HOW_TO_READ = """\
Standard deviations of one value of one method, pooled over methods: `head` between fits with other seeds on the same
codes, `training` what other trainings add, `total` of a new training with a fit of its own; `images` is the standard
error over test images. In brackets: independent differences behind `head` and `total`; a standard deviation from 4 of
them is known to a factor of two. Then the smallest true difference of two methods that a two-sided test at 5 % finds
with 80 % power, on other trainings and other images, with so many seeds each."""
EMPTY = "No records of trained methods with a value that has a better direction."
HEAD = ("task", "metric", "head", "training", "total", "images", *(f"{seeds} seeds" for seeds in SEEDS))


def to_markdown(found: Sequence[Noise]) -> str:
    """One table for each data set and preset, of values on the test split; JSON has those on other splits too."""
    if not found:
        return f"{EMPTY}\n"
    lines = [HOW_TO_READ]
    for title, rows in _sections(found).items():
        lines += ["", f"## {title}", "", _line(HEAD), _line([":--", ":--", *["--:"] * (len(HEAD) - 2)])]
        lines += [_line(row) for row in map(_cells, rows)]
    return "\n".join(lines) + "\n"


def to_text(found: Sequence[Noise]) -> str:
    """The same with columns of equal width, for a terminal."""
    if not found:
        return f"{EMPTY}\n"
    lines = [HOW_TO_READ.replace("`", "")]
    for title, rows in _sections(found).items():
        cells = [HEAD, *map(_cells, rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
        lines += ["", one_line(title)]
        lines += [
            one_line("  ".join(text.ljust(width) if i < 2 else text.rjust(width)
                               for i, (text, width) in enumerate(zip(row, widths, strict=True))).rstrip())
            for row in cells
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


WRITERS = {"text": to_text, "md": to_markdown, "json": to_json}


def sentence(noise: Noise) -> str:
    """One line for a table of the leaderboard: how finely its first metric tells methods apart."""
    parts = [
        f"{number(value)} {what}"
        for value, what in (
            (noise.head, "over heads on the same codes"),
            (noise.training, "over trainings") if noise.training is not None else (noise.total, "over seeds"),
            (noise.images, "over images"),
        )
        if value is not None
    ]
    found = [f"{number(value)} with {seeds}" for seeds, value in sorted(noise.smallest.items())]
    smallest = f"Smallest difference that seeds can find (80 % power): {', '.join(found)}. " if found else ""
    unit = f" in {noise.unit}" if noise.unit else ""
    rests = f"from {noise.fits} fits on {noise.trainings} trainings of {noise.methods} methods"
    return f"Noise of {noise.metric}{unit}. {smallest}Standard deviation of one value: {', '.join(parts)}; {rests}."


def number(value: float | None) -> str:
    """Two significant digits; no more are known."""
    if value is None:
        return MISSING
    text = f"{value:#.2g}"
    return f"{value:.0f}" if "e+" in text else text.removesuffix(".")


def _sections(found: Sequence[Noise]) -> dict[str, list[Noise]]:
    sections: dict[str, list[Noise]] = {}
    for noise in found:
        if not MetricName.parse(noise.metric).variant:
            sections.setdefault(f"{noise.place.dataset}, preset {noise.place.preset}", []).append(noise)
    return sections


def _cells(noise: Noise) -> tuple[str, ...]:
    head = f"{number(noise.head)} ({noise.head_freedom})" if noise.head is not None else MISSING
    total = f"{number(noise.total)} ({noise.total_freedom})" if noise.total is not None else MISSING
    metric = noise.metric + (f" ({noise.unit})" if noise.unit else "")
    smallest = [number(noise.smallest.get(seeds)) for seeds in SEEDS]
    return noise.place.task, metric, head, number(noise.training), total, number(noise.images), *smallest


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
