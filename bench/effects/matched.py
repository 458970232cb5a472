"""Pairs of settings that differ in one thing besides losses: how codes come into use, or the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.effects.designs import Cell, Design, Losses, Rows
from bench.effects.naming import short
from bench.effects.pairs import Pairs, pairs
from bench.effects.settings import Setting
from bench.effects.sources import Sources
from bench.noise.noise import Place

CODEBOOK_USE = {"init": "uniform", "revive": "none"}
"""Arguments that raise the use of a codebook without any change to its method, and what they are where they do not."""

OFF = dict(pairs(CODEBOOK_USE))

Pair: TypeAlias = tuple[Rows, Rows]
"""With and without."""


@dataclass(frozen=True)
class Matched:
    """Pairs that differ in the same thing.

    setting: what all have in common; of a base's effect, that of the base that the other is compared with.
    change, against: what differs, such as "init=features" and "init=uniform".
    """

    place: Place
    kind: Literal["codebook use", "base"]
    setting: Setting
    change: str
    against: str
    pairs: tuple[Pair, ...]


def matched(place: Place, found: Sequence[Cell], of_place: Sequence[Design], sources: Sources) -> list[Matched]:
    """All pairs of one place: within each guide, then of bases alone as far as these are not among them already.

    Args:
        found: the cells of the place. of_place: its designs, complete or not.
    """
    contexts: dict[Setting, list[Cell]] = {}
    for design in of_place:
        context = design.setting._replace(base="", base_arguments=())
        contexts.setdefault(context, []).extend(
            Cell(design.setting._replace(losses=losses), rows) for losses, rows in design.rows.items()
        )
    made: list[Matched] = []
    for in_guide in contexts.values():
        made += [*_codebook_use(place, in_guide, sources), *_bases(place, in_guide, sources)]
    alone = [cell for cell in found if cell.setting.guide is None and not cell.rows[0].method.control]
    seen = {pair for one in made for pair in map(_identity, one.pairs)}
    return made + [
        one for one in _codebook_use(place, alone, sources) if not all(_identity(pair) in seen for pair in one.pairs)
    ]


def _codebook_use(place: Place, context: Iterable[Cell], sources: Sources) -> Iterator[Matched]:
    """Each value of each argument against the base's own."""
    cells = list(context)
    for name in CODEBOOK_USE:
        groups: dict[Setting, dict[tuple[Losses, Pairs], dict[str, Rows]]] = {}
        for cell in cells:
            arguments = dict(cell.setting.base_arguments)
            value = arguments.pop(name, None) or _default(cell.setting.base, name, sources)
            if value is not None:
                others = tuple((key, other) for key, other in arguments.items() if key in CODEBOOK_USE)
                rest = tuple((key, other) for key, other in arguments.items() if key not in CODEBOOK_USE)
                shared = cell.setting._replace(base_arguments=rest, losses=frozenset())
                groups.setdefault(shared, {}).setdefault((cell.setting.losses, others), {})[value] = cell.rows
        for shared, by_rest in groups.items():
            off = _default(shared.base, name, sources)
            for value in sorted({value for values in by_rest.values() for value in values} - {off or ""}):
                found = [(rows[value], rows[off]) for rows in by_rest.values() if value in rows and off in rows]
                if found:
                    change, against = (short(f"{name}={text.strip(chr(34))}") for text in (value, off or ""))
                    yield Matched(place, "codebook use", shared, change, against, tuple(found))


def _bases(place: Place, context: Sequence[Cell], sources: Sources) -> Iterator[Matched]:
    """Each base against the one that the guide wraps by default, or else that most is recorded of.

    What the bases were given that is not their default is the same on both sides.
    """
    groups: dict[str, dict[tuple[Losses, Pairs], Rows]] = {}
    for cell in context:
        setting = cell.setting
        groups.setdefault(setting.base, {})[setting.losses, setting.base_arguments] = cell.rows
    default = (sources.defaults(context[0].setting.guide or "") or {}).get("base")
    against = default if default in groups else min(groups, key=lambda base: (-len(groups[base]), base))
    for base in sorted(groups.keys() - {against}):
        of_base, of_other = groups[base], groups[against]
        found = [(of_base[key], of_other[key]) for key in of_base if key in of_other]
        if found:
            shared = context[0].setting._replace(base=against, base_arguments=(), losses=frozenset())
            yield Matched(place, "base", shared, short(base), short(against), tuple(found))


def _default(base: str, name: str, sources: Sources) -> str | None:
    """An argument's default, as JSON; None where the base does not have it."""
    defaults = sources.default_texts(base)
    return OFF[name] if defaults is None else defaults.get(name)


def _identity(pair: Pair) -> tuple[str, str]:
    """Of its first records."""
    return pair[0][0].key, pair[1][0].key
