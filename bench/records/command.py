"""The command that makes a record again, from what the record says and from what files say of plug-ins.

Nothing is imported for it. What a record does not say is not in its command: arguments of tasks, where files of data
sets and plug-ins lie (FILE.py, DIR), over how many devices a training was spread.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import registry
from bench.contracts.registration import Entry
from bench.errors import UsageError
from bench.presets import PRESETS
from bench.records.record import BLIND, Record
from bench.system.neighbours import parse_source

ANY_METHOD = "untrained"
"""A run of any method makes a task's blind baseline too; this one trains nothing."""
FILES = ({"file", "sha256"}, {"folder", "sha256"})
"""What stands in a record for an argument that is a file or a folder."""


def command_of(record: Record) -> str:
    """The command, quoted for a shell; texts from the record are in it as they are.

    Of the arguments those are left out that a method or data set has by default, as far as its file says so by a
    literal, and those that are None where the file says nothing.
    """
    method, data = record.method, record.dataset
    preset, changed = _preset(record.preset)
    name = ANY_METHOD if method.name == BLIND else method.name
    words = ["--methods", name, "--tasks", record.task, "--datasets", data.name, "--preset", preset]
    words += ["--seeds", str(record.seed)]
    if record.fit_seed != record.seed:
        words += ["--head-seeds", str(record.fit_seed)]
    if record.text_encoder is not None:
        words += ["--text-encoder", record.text_encoder]
    threads = _threads(record, preset, changed)
    if threads is not None:
        words += ["--cpus-per-cell", str(threads)]
    entries = _entry(registry.methods, name), _entry(registry.tasks, record.task), _entry(registry.datasets, data.name)
    if None in entries:
        words += ["--plugin", "FILE.py"]
    if entries[2] is not None and entries[2].facts.reads_files:
        words += ["--data-root", "DIR"]
    settings = [f"preset.{name}={_value(value)}" for name, value in changed.items()]
    if method.name != BLIND:
        settings += _settings(method.name, method.arguments, _defaults(entries[0]))
    settings += _settings(data.name, data.arguments, _defaults(entries[2]) | _of_preset(preset, changed))
    words += [word for setting in settings for word in ("--set", setting)]
    return f"python -m bench run {shlex.join(words)}"


def _settings(plugin: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    """NAME.ARG=VALUE of all arguments that differ from their defaults; None is the default where none is known."""
    for name, value in arguments.items():
        if _as_json(value) != _as_json(defaults.get(name)):
            yield f"{plugin}.{name}={_value(value)}"


def _as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _value(value: object) -> str:
    """Text that `--set` reads as this value: as it is where it can only be text, else a literal."""
    if isinstance(value, str):
        return repr(value) if value != value.strip() or _literal(value) is not None or value == "None" else value
    if isinstance(value, dict) and set(value) in FILES:
        return str(value.get("file", value.get("folder")))
    text = "None" if value is None else json.dumps(value)  # whose quotes need none from a shell
    return text if _literal(text) == value else repr(value)


def _literal(text: str) -> Any:
    """The value of a Python literal; None for any other text, and for "None"."""
    with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(text)
    return None


def _preset(name: str) -> tuple[str, dict[str, Any]]:
    """A preset's own name and what `--set preset.X` changed of it, from "tiny with steps=10, schedule=constant"."""
    preset, _, changes = name.partition(" with ")
    if preset in PRESETS:
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            call = ast.parse(f"_({changes})", mode="eval").body
            if isinstance(call, ast.Call) and not call.args:
                return preset, {word.arg: _changed(word.value) for word in call.keywords if word.arg}
    return name, {}


def _changed(node: ast.expr) -> Any:
    """The value that a preset's name shows: a word, a budget or a literal."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return {word.arg: ast.literal_eval(word.value) for word in node.keywords}
    return ast.literal_eval(node)


def _of_preset(preset: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a preset gives to data sets."""
    if preset not in PRESETS:
        return {}
    given = {"size": PRESETS[preset].image_size, "limits": dict(PRESETS[preset].limits)}
    return given | {name: changed[of] for name, of in (("size", "image_size"), ("limits", "limits")) if of in changed}


def _threads(record: Record, preset: str, changed: Mapping[str, Any]) -> int | None:
    """How many threads a measured cell had, if they are not the preset's."""
    threads = record.env.get("threads")
    if record.status != "ok" or preset not in PRESETS or not isinstance(threads, int):
        return None
    return threads if threads != changed.get("threads", PRESETS[preset].threads) else None


def _entry(of: registry.Registry[Any], name: str) -> Entry[Any] | None:
    try:
        return of.get(name)
    except UsageError:
        return None


def _defaults(entry: Entry[Any] | None) -> dict[str, Any]:
    """Literals that a plug-in's class gives its fields, then what its registration sets."""
    if entry is None:
        return {}
    return _literals(entry.path, entry.target) | dict(getattr(entry.facts, "arguments", {}))


@functools.cache
def _literals(path: Path, target: str) -> dict[str, Any]:
    """Those of a class in a file."""
    found = {}
    for node in parse_source(path).body:
        if isinstance(node, ast.ClassDef) and node.name == target:
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and field.value is not None:
                    with contextlib.suppress(ValueError, TypeError):
                        found[ast.unparse(field.target)] = ast.literal_eval(field.value)
    return found
