"""Effects for people: Markdown, and plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.effects.naming import listed, short, spoken
from bench.effects.rows import Effects, Incomplete, Kind, PooledRow, Row
from bench.effects.verdicts import error_shown, pooled_sentence, sentence
from bench.system.markup import markdown_text
from bench.system.terminal import one_line

NOTHING = "No record has losses of language around a base, so there is no effect of them to tell."
HOW_TO_READ = """\
An effect is the mean of all trainings with something less the mean of those without, everything else being equal; ± is
half of a 95 % interval for other trainings and other images. What of its standard error comes of trainings and of
images stands beside it. "gsa × mtp" is what gsa does with mtp less what it does without, so what both do beyond their
sum. p is Holm-adjusted over the single losses of a design, and over what losses do together.
"Cannot be told" says how large an effect the present records would have found four times out of five."""
HEADINGS: dict[str, tuple[Kind, ...]] = {
    "What losses of language add": ("all losses", "loss"),
    "What losses do together beyond their sum": ("interaction",),
    "What codebook use adds": ("codebook use",),
    "What the base adds": ("base",),
}
POOLED = "Over bases and data sets"
MISSING_SHOWN = 8
"""Of the subsets that a design lacks; a design of three losses has eight in all."""
MOST_NAMES = 8
"""Of settings that effects are pooled over."""
HEAD = ("in", "effect", "se of trainings", "se of images", "p")


def to_markdown(effects: Effects) -> str:
    """One row an effect, by data set and preset; then what is pooled, and which designs are not complete."""
    lines = ["# Effects", "", HOW_TO_READ if effects.rows else NOTHING]
    for title, rows in by_title(effects.rows).items():
        lines += ["", f"## {markdown_text(title)}"]
        for heading, kinds in HEADINGS.items():
            of_kind = [row for row in rows if row.kind in kinds]
            if of_kind:
                lines += ["", f"### {heading}", *markdown_rows(of_kind)]
    if effects.pooled:
        lines += ["", f"## {POOLED}"]
        for over, found in by_settings(effects.pooled).items():
            lines += ["", f"{markdown_text(over)}:", "", *(f"- {markdown_text(pooled_sentence(one))}" for one in found)]
    if effects.incomplete:
        lines += ["", "## Designs that are not complete", ""]
        lines += [f"- {markdown_text(line)}" for line in map(incomplete_line, effects.incomplete)]
    return "\n".join(lines) + "\n"


def markdown_rows(rows: Sequence[Row]) -> list[str]:
    """A table of what can be told, then a line for what cannot; each with an empty line before it."""
    lines: list[str] = []
    told = [row for row in rows if row.effect is not None]
    if told:
        lines += ["", _line(HEAD), _line([":--", ":--", "--:", "--:", "--:"])]
        lines += [_line([*map(markdown_text, _cells(row)[:2]), *_cells(row)[2:]]) for row in told]
    untold_lines = [f"- {markdown_text(line)}" for line in untold(rows)]
    return [*lines, *(["", *untold_lines] if untold_lines else [])]


def to_text(effects: Effects) -> str:
    """The same in sentences, one a line."""
    lines = [] if effects.rows else [NOTHING]
    for title, rows in by_title(effects.rows).items():
        for heading, kinds in HEADINGS.items():
            of_kind = [row for row in rows if row.kind in kinds]
            if of_kind:
                lines += [f"{title}: {heading[0].lower()}{heading[1:]}"]
                lines += [f"  {row.design}: {sentence(row)}" for row in of_kind if row.effect is not None]
                lines += [f"  {line}" for line in untold(of_kind)]
    if effects.pooled:
        for over, found in by_settings(effects.pooled).items():
            lines += [f"{POOLED}: {over}", *(f"  {pooled_sentence(one)}" for one in found)]
    lines += [f"not complete: {incomplete_line(one)}" for one in effects.incomplete]
    return "".join(f"{one_line(line)}\n" for line in lines)


def untold(rows: Iterable[Row]) -> Iterator[str]:
    """What cannot be told, one line for all tasks and changes of a design with the same reason."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.effect is None:
            groups.setdefault((row.design, row.why), []).append(row)
    for (design, why), group in groups.items():
        changes = listed(list(dict.fromkeys(row.change for row in group)))
        metrics = listed(list(dict.fromkeys(spoken(row.place.task, row.metric.name) for row in group)))
        yield f"{design}: what {changes} changes in {metrics} cannot be told: {why}"


def incomplete_line(one: Incomplete) -> str:
    """Such as "lgvq on vqgan: 3 of 8 subsets, 1 to 3 trainings of each, missing mtp, gsa + mtp (vqa)"."""
    subsets = [short(" + ".join(subset)) or "the base alone" for subset in one.missing]
    more = f" and {len(subsets) - MISSING_SHOWN} more" if len(subsets) > MISSING_SHOWN else ""
    missing = f", missing {', '.join(subsets[:MISSING_SHOWN])}{more}" if subsets else ""
    low, high = one.seeds
    many = f"{low} to {high}" if low < high else str(low)
    trainings = f"{many} {'training' if high == 1 else 'trainings'} of each"
    unclear = f" ({one.ambiguous} rows may be the base alone)" if one.ambiguous else ""
    tasks = f" ({', '.join(map(short, one.tasks))})"
    return f"{one.title}: {one.design}: {one.present} of {one.subsets} subsets, {trainings}{missing}{unclear}{tasks}"


def by_title(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by data set and preset."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.title, []).append(row)
    return groups


def by_settings(pooled: Iterable[PooledRow]) -> dict[str, list[PooledRow]]:
    """Pooled rows by what they are pooled over, such as "2 settings (lgvq on vqgan: cub200, preset tiny; ...)"."""
    groups: dict[str, list[PooledRow]] = {}
    for one in pooled:
        names = [f"{row.design}: {row.title}" for row in one.rows]
        more = f"; and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        over = f"{len(names)} settings ({'; '.join(names[:MOST_NAMES])}{more})"
        groups.setdefault(over, []).append(one)
    return groups


def p_shown(p: float | None) -> str:
    """Two digits, and no more zeros than anybody reads."""
    return "—" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _cells(row: Row) -> list[str]:
    effect = row.effect
    errors = [None, None] if effect is None else [effect.training, effect.images]
    return [row.design, sentence(row), *(error_shown(error, row.metric) for error in errors), p_shown(row.p)]


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
