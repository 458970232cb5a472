"""Two methods side by side in one task, wherever both have records under the same protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import registry
from bench.effects.designs import places
from bench.effects.gather import Asked, Gathered, Metrics
from bench.effects.naming import Names
from bench.effects.which import choose, section_of
from bench.errors import UsageError, did_you_mean
from bench.records.frame import newest
from bench.records.labels import method_of
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.statistics import two_way
from bench.statistics.effect import Effect
from bench.statistics.trainings import Trainings


@dataclass(frozen=True)
class Compared:
    """One metric of both. difference: first less second, None where nothing is known of its error."""

    metric: Asked
    first: Trainings
    second: Trainings
    difference: Effect | None


@dataclass(frozen=True)
class Comparison:
    """All main metrics of a task that both have in one place. labels: of the two, as on the leaderboard."""

    title: str
    task: str
    labels: tuple[str, str]
    metrics: tuple[Compared, ...]


def compare(
    records: Iterable[Record],
    names: tuple[str, str],
    task: str,
    store: RecordStore | None = None,
    *,
    dataset: str | None = None,
    preset: str | None = None,
) -> list[Comparison]:
    """Both methods in every place that has both, sorted.

    Args:
        records: of any status; the newest of each cell counts.
        names: labels as the leaderboard shows them, or names of methods where they name one row.
        store: holds the per-example scores; without it nothing is known about images.
        dataset, preset: these alone.

    Raises:
        UsageError: something of that name does not exist, a name means several rows, or no place has both.
    """
    counting = newest(records)
    _check("task", task, {record.task for record in counting} | set(registry.tasks.names()))
    _check("data set", dataset, {record.dataset.name for record in counting})
    _check("preset", preset, {record.preset for record in counting})
    counting = [r for r in counting if dataset in (None, r.dataset.name) and preset in (None, r.preset)]
    first, second = (choose(counting, name, task) for name in names)
    of_task = places(record for record in counting if record.task == task)
    titles, metrics, gathered = Names([place for place, _ in of_task], [], []), Metrics(), Gathered(store)
    found = []
    for place, group in of_task:
        section = section_of(group[0])
        if section not in first or section not in second:
            continue
        both = (first[section], second[section])
        if both[0] == both[1]:
            raise UsageError(f"{names[0]!r} and {names[1]!r} are the same row: {both[0].label}")
        sides = [[record for record in group if method_of(record) == chosen.row] for chosen in both]
        if all(sides):
            of_place = _metrics(task, sides, metrics, gathered)
            found.append(Comparison(titles.title(place), task, (both[0].label, both[1].label), of_place))
    if not found:
        raise UsageError(f"{names[0]!r} and {names[1]!r} have no records of {task} under one protocol")
    return found


def _metrics(
    task: str, sides: Sequence[Sequence[Record]], metrics: Metrics, gathered: Gathered
) -> tuple[Compared, ...]:
    asked = metrics.main(task, [record for side in sides for record in side])
    rows = zip(asked, *(gathered.of(side, asked) for side in sides), strict=True)
    return tuple(Compared(m, a, b, two_way.difference(a, b)) for m, a, b in rows if a is not None and b is not None)


def _check(kind: str, name: str | None, known: Iterable[str]) -> None:
    """Raises UsageError where a name is given that nothing has."""
    names = sorted(known)
    if name is not None and name not in names:
        raise UsageError(f"no record of the {kind} {name!r}{did_you_mean(name, names) if names else ''}")
