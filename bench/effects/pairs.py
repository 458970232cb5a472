"""Arguments as text that can be compared and looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Arguments, sorted by name, with their values as JSON."""


def pairs(arguments: Mapping[str, Any]) -> Pairs:
    """Arguments in one order and one spelling: 1.0 is 1, a tuple is a list."""
    return tuple((name, _text(value)) for name, value in sorted(arguments.items()))


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        return json.dumps(_spelled(value), sort_keys=True)
    return json.dumps(_spelled(value))  # without options nothing has to be set up, and most values are plain


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    if isinstance(value, dict):
        return {name: _spelled(item) for name, item in value.items()}
    return value
