"""The arguments of plug-ins: defaults, a registration's facts and the user's NAME.ARG=VALUE, checked by type."""

from __future__ import annotations

import ast
import dataclasses
import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError, did_you_mean

LONGEST_SHOWN = 80
"""Characters of NAME.ARG=VALUE that an error message shows."""


class Setting(NamedTuple):
    """One override from the command line; value is still text."""

    name: str
    argument: str
    value: str


def parse_setting(text: str) -> Setting:
    """Read "NAME.ARG=VALUE".

    Raises:
        UsageError: not of that form.
    """
    target, equals, value = text.partition("=")
    name, dot, argument = target.strip().rpartition(".")
    if not (equals and dot and name and argument.isidentifier()):
        raise UsageError(f"--set takes NAME.ARG=VALUE, not {text!r:.{LONGEST_SHOWN}}")
    return Setting(name, argument, value.strip())


def resolve(plugin: type, given: dict[str, Any], settings: list[Setting]) -> dict[str, Any]:
    """All arguments of a plug-in's dataclass, in the order of its fields; empty for a plain class.

    Args:
        plugin: its type hints say which values make sense, see `bench.contracts.arguments`.
        given: values that are not the user's: a registration's, or those of the run.

    Raises:
        UsageError: a setting names no argument of this plug-in, or a value makes no sense.
    """
    fields = [field for field in dataclasses.fields(plugin) if field.init] if dataclasses.is_dataclass(plugin) else []
    hints = typing.get_type_hints(plugin, include_extras=True)
    known = [field.name for field in fields]
    values = {
        name: _checked(value, hints[name], f"{plugin.__name__}.{name}={value!r}")
        for name, value in given.items()
        if name in known
    }
    for setting in settings:
        if setting.argument not in known:
            hint = did_you_mean(setting.argument, known) if known else "; it takes none"
            raise UsageError(f"{setting.name} has no argument {setting.argument!r}{hint}")
        values[setting.argument] = _typed(setting, hints[setting.argument])
    return {field.name: values[field.name] if field.name in values else _default(field) for field in fields}


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _typed(setting: Setting, hint: Any) -> Any:
    """A setting's value: a Python literal where it is one that suits, else its text."""
    where = f"{setting.name}.{setting.argument}={setting.value}"
    try:
        literal = ast.literal_eval(setting.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):  # the last two: nested without end
        return _checked(setting.value, hint, where)
    try:
        return _checked(literal, hint, where)
    except UsageError as error:
        try:
            return _checked(setting.value, hint, where)  # the text "5", say
        except UsageError:
            raise error from None


def _checked(value: object, hint: Any, where: str) -> Any:
    """The value as the type that its hint asks for.

    Raises:
        UsageError: it is no such value, or it holds a number that is not finite; one line that begins with `where`.
    """
    shown = where if len(where) <= LONGEST_SHOWN else f"{where[:LONGEST_SHOWN]}..."
    try:
        checked = TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        part = first["loc"][0] if first["loc"] and isinstance(value, Mapping) and first["loc"][0] in value else None
        raise UsageError(f"{shown}: {'' if part is None else f'{part!r}: '}{first['msg'].lower()}") from error
    if isinstance(value, bool) and not isinstance(checked, bool):
        raise UsageError(f"{shown}: a number is wanted, not yes or no")
    if not _is_finite(checked):
        raise UsageError(f"{shown}: a number that is not finite")
    if isinstance(checked, Path) and checked.exists() and not (checked.is_file() or checked.is_dir()):
        raise UsageError(f"{shown}: no regular file")
    return checked


def _is_finite(value: object) -> bool:
    """Whether all numbers in a value are finite."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, (*value, *value.values())))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def split_names(text: str, known: list[str]) -> tuple[str, ...]:
    """Read "a,b" or "all"; whether the names exist is checked where they are looked up.

    Raises:
        UsageError: no name at all.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError(f"no name given; known: {', '.join(known)}")
    return tuple(known) if names == ("all",) else names


def split_seeds(text: str, option: str = "--seeds") -> tuple[int, ...]:
    """Read "0,1,2".

    Raises:
        UsageError: not whole numbers from 0 to 2**31 - 1.
    """
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} takes whole numbers separated by commas, not {text!r}") from error
    if any(not 0 <= seed < 2**31 for seed in seeds):
        raise UsageError(f"{option} takes numbers from 0 to 2147483647, not {text!r}")
    return seeds
