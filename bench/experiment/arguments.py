"""The arguments of plug-ins: defaults, a registration's facts and the user's NAME.ARG=VALUE, checked by type."""

from __future__ import annotations

import ast
import dataclasses
import typing
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError, did_you_mean


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
        raise UsageError(f"--set takes NAME.ARG=VALUE, not {text!r}")
    return Setting(name, argument, value.strip())


def resolve(plugin: type, given: dict[str, Any], settings: list[Setting]) -> dict[str, Any]:
    """All arguments of a plug-in's dataclass, in the order of its fields; empty for a plain class.

    Raises:
        UsageError: a setting names no argument of this plug-in, or its value has the wrong type.
    """
    fields = [field for field in dataclasses.fields(plugin) if field.init] if dataclasses.is_dataclass(plugin) else []
    hints = typing.get_type_hints(plugin)
    overrides = dict(given)
    for setting in settings:
        if setting.argument not in {field.name for field in fields}:
            known = [field.name for field in fields]
            hint = did_you_mean(setting.argument, known) if known else "; it takes none"
            raise UsageError(f"{setting.name} has no argument {setting.argument!r}{hint}")
        overrides[setting.argument] = _typed(setting, hints[setting.argument])
    return {field.name: overrides.get(field.name, _default(field)) for field in fields}


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _typed(setting: Setting, hint: Any) -> Any:
    try:
        value = ast.literal_eval(setting.value)
    except (ValueError, SyntaxError):
        value = setting.value
    for candidate in (value, setting.value):
        try:
            return TypeAdapter(hint).validate_python(candidate)
        except ValidationError as failed:
            error = failed
    raise UsageError(f"{setting.name}.{setting.argument}={setting.value}: {error.errors()[0]['msg'].lower()}")


def split_names(text: str, known: list[str]) -> tuple[str, ...]:
    """Read "a,b" or "all"; whether the names exist is checked where they are looked up.

    Raises:
        UsageError: no name at all.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError(f"no name given; known: {', '.join(known)}")
    return tuple(known) if names == ("all",) else names


def split_seeds(text: str) -> tuple[int, ...]:
    """Read "0,1,2".

    Raises:
        UsageError: not whole numbers from 0 to 2**31 - 1.
    """
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--seeds takes whole numbers separated by commas, not {text!r}") from error
    if any(not 0 <= seed < 2**31 for seed in seeds):
        raise UsageError(f"--seeds takes numbers from 0 to 2147483647, not {text!r}")
    return seeds
