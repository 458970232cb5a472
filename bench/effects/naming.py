"""What places, designs and metrics are called."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bench.effects.settings import Setting
from bench.noise.noise import Place
from bench.records.labels import labels
from bench.system.terminal import one_line

T = TypeVar("T", bound=Hashable)

HASH_DIGITS = 8
"""Of a protocol's hash, as on the leaderboard."""
LONGEST = 120
"""Characters of a name from a record."""
SPOKEN = {"cider_d": "CIDEr-D", "psnr": "PSNR"}
ABBREVIATION = 3
"""Letters of a task's name at most, where it is one: VQA, T2I."""
NAMED = 6
"""Things that a line lists; of more it says how many there are."""


class Names:
    """Names of all that stands side by side: no longer than it takes to tell them apart.

    Args:
        places: of all records. designs: settings of designs. shared: what matched pairs have in common.
    """

    def __init__(self, places: Iterable[Place], designs: Iterable[Setting], shared: Iterable[Setting]) -> None:
        places = list(places)
        self._titles = _labels(
            {_section(place): (f"{place.dataset}, preset {place.preset}", place.dataset_arguments) for place in places}
        )
        protocols: dict[Hashable, set[tuple[str, str]]] = {}
        for place in places:
            protocols.setdefault((_section(place), place.task), set()).add((place.protocol_hash, place.fingerprint))
        self._several = {table for table, found in protocols.items() if len(found) > 1}
        self._designs = _labels({setting: _described(setting) for setting in designs})
        self._shared = _labels({setting: _described(setting) for setting in shared})

    def title(self, place: Place) -> str:
        """Data set and preset; with protocol and fingerprint where a task has several of these there."""
        title = self._titles[_section(place)]
        if (_section(place), place.task) not in self._several:
            return title
        return f"{title}, protocol {place.protocol_hash[:HASH_DIGITS]}, data {place.fingerprint[:HASH_DIGITS]}"

    def design(self, setting: Setting) -> str:
        """Such as "lgvq on vqgan (init=features)"."""
        return self._designs[setting]

    def shared(self, setting: Setting) -> str:
        """The same for what matched pairs have in common."""
        return self._shared[setting]


def spoken(task: str, metric: str) -> str:
    """A task and its metric in a sentence: "VQA accuracy", "captioning CIDEr-D", "alignment word recall"."""
    named = SPOKEN.get(metric, metric.replace("_", " "))
    return short(f"{task.upper() if len(task) <= ABBREVIATION else task} {named}")


def listed(names: Sequence[str]) -> str:
    """Such as "gsa, mtp and ras"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def few(names: Sequence[str]) -> list[str]:
    """The first names, and how many more there are."""
    return [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]


def counted(trainings: int) -> str:
    """Such as "1 training"."""
    return f"{trainings} {'training' if trainings == 1 else 'trainings'}"


def short(text: str) -> str:
    """Text from a record on one line, cut where it is endless."""
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _labels(things: Mapping[T, tuple[str, dict[str, Any]]]) -> dict[T, str]:
    return {thing: short(label) for thing, label in labels(things).items()}


def _section(place: Place) -> Hashable:
    return place.dataset, json.dumps(place.dataset_arguments, sort_keys=True), place.preset


def _described(setting: Setting) -> tuple[str, dict[str, Any]]:
    parts = [part for part in (setting.guide, setting.base) if part]
    arguments = {name: json.loads(value) for name, value in (*setting.others, *setting.base_arguments)}
    return " on ".join(parts), arguments | {"text_encoder": setting.text_encoder}
