"""Duties of every kind of plug-in that is a class with arguments: methods, tasks, data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.contracts.duties import check_class
from bench.contracts.facts import MethodFacts
from bench.contracts.registration import Entry
from bench.errors import ContractError
from bench.experiment.arguments import resolve
from bench.registry import all_metrics
from bench.system import fingerprint

ABOUT = "has a docstring whose first line says what it is"
CLASS = "is a frozen dataclass of its contract, with its methods and facts"
ARGUMENTS = "has plain values as arguments"


def check_about(entry: Entry[Any]) -> None:
    """Lists show the first line of the docstring.

    Raises:
        ContractError: there is none.
    """
    if not entry.about.strip():
        raise ContractError(f"{entry.target} has no docstring, whose first line lists would show")


def check_contract(entry: Entry[Any]) -> None:
    """See `bench.contracts.duties.check_class`."""
    check_class(entry, all_metrics())


def check_arguments(entry: Entry[Any]) -> str | None:
    """Keys and records hold a plug-in's arguments; returns their names.

    Raises:
        ContractError: a default is not a plain value (text, number, None, tuple, dictionary) or a path.
    """
    arguments = resolve(entry.load(), given(entry), [])
    for name, value in arguments.items():
        try:
            fingerprint.of_value(None if isinstance(value, Path) else value)
        except (TypeError, ValueError) as error:
            raise ContractError(f"the argument {name} is {value!r}, which is no plain value: {error}") from error
    return ", ".join(arguments) or None


def given(entry: Entry[Any]) -> dict[str, Any]:
    """The arguments that a registration sets: those of a method's facts."""
    arguments: Mapping[str, Any] = entry.facts.arguments if isinstance(entry.facts, MethodFacts) else {}
    return dict(arguments)
