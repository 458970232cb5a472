"""What `ablate` sets of one method, set of all that it is compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.experiment.arguments import parse_setting
from bench.registry import methods


def for_all(method: str, others: Sequence[str], settings: Sequence[str]) -> list[str]:
    """The settings, and those of the method for all others that have the argument: a loss is to be all that differs.

    What is set of another by itself stays, and so does what its registration gives it, such as its losses.

    Raises:
        UsageError: a setting is not NAME.ARG=VALUE.
    """
    read = [parse_setting(text) for text in settings]
    asked = {(one.name, one.argument) for one in read}
    carried = [
        f"{other}.{one.argument}={one.value}"
        for one in read
        for other in others
        if one.name == method and (other, one.argument) not in asked and _takes(other, one.argument)
    ]
    return [*settings, *carried]


def _takes(name: str, argument: str) -> bool:
    entry = methods.get(name)
    plugin = entry.load()
    known = {field.name for field in dataclasses.fields(plugin)} if dataclasses.is_dataclass(plugin) else set()
    return argument in known and argument not in entry.facts.arguments
