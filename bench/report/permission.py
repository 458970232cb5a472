"""Whether a record's images and texts may be shown to others; numbers always may."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from bench import registry
from bench.errors import UsageError
from bench.records.record import DataUsed
from bench.system.neighbours import parse_source

FACT = "redistributable"
"""Of a data set's class; see `bench.contracts.data.DataSet`."""
WITHHELD = "Samples are not shown: the data may not be handed on."


def may_be_shown(data: DataUsed) -> bool:
    """What the data set's argument says, else its class in its file, without importing it.

    Where neither does, what a record holds was decided when it was written.
    """
    chosen = data.arguments.get(FACT)
    if isinstance(chosen, bool):
        return chosen
    try:
        entry = registry.datasets.get(data.name)
    except UsageError:
        return True
    return _declared(entry.path, entry.target)


@functools.cache
def _declared(path: Path, target: str) -> bool:
    for node in parse_source(path).body:
        if isinstance(node, ast.ClassDef) and node.name == target:
            for field in node.body:
                if not isinstance(field, ast.AnnAssign) or ast.unparse(field.target) != FACT:
                    continue
                if isinstance(field.value, ast.Constant):
                    return field.value.value is not False
    return True
