"""Whether a plug-in's class is what its contract asks for: told in one line, before anything is trained."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from bench.contracts.facts import DataSetFacts, MethodFacts, TaskFacts
from bench.contracts.metric import MetricName
from bench.contracts.registration import Entry
from bench.errors import UsageError, did_you_mean
from bench.system.neighbours import parse_source


def contract_of(entry: Entry[Any]) -> type | None:
    """The base class of an entry's kind; None for kinds that have none."""
    if isinstance(entry.facts, MethodFacts):
        from bench.contracts.method import Method

        return Method
    if isinstance(entry.facts, TaskFacts):
        from bench.contracts.task import Task

        return Task
    if isinstance(entry.facts, DataSetFacts):
        from bench.contracts.data import DataSet

        return DataSet
    return None


def check_class(entry: Entry[Any], metrics: Iterable[str]) -> type:
    """The loaded class of a method, task or data set, if it fulfils its contract.

    Args:
        entry: the plug-in.
        metrics: the names of all declared metrics.

    Raises:
        UsageError: the first thing that is wrong, with the file and, where there is one, the nearest valid name.
    """
    plugin: Any = entry.load()
    base = contract_of(entry)
    where = f"{entry.path}: {entry.target}"
    if base is None:
        return plugin
    if base not in getattr(plugin, "__mro__", ()):
        raise UsageError(f"{where} is not a subclass of {base.__module__}.{base.__name__}")
    if "__dataclass_params__" not in vars(plugin) or not vars(plugin)["__dataclass_params__"].frozen:
        raise UsageError(f"{where} lacks the decorator @dataclass(frozen=True), so its fields would not be arguments")
    for name in sorted(plugin.__abstractmethods__):
        near = difflib.get_close_matches(name, [other for other in vars(plugin) if other not in vars(base)], n=1)
        hint = f"; is {near[0]!r} meant to be it?" if near else ""
        raise UsageError(f"{where} lacks {name}{inspect.signature(getattr(base, name))}{hint}")
    _check_signatures(plugin, base, where)
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(plugin)
    for field in fields:
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise UsageError(f"{where}: the argument {field.name!r} has no default")
    names = [field.name for field in fields]
    if isinstance(entry.facts, MethodFacts):
        for name in entry.facts.arguments:
            if name not in names:
                raise UsageError(f"{where} has no argument {name!r}{did_you_mean(name, names) if names else ''}")
    if isinstance(entry.facts, TaskFacts):
        if entry.facts.reads_text and "text_encoder" not in names:
            raise UsageError(f"{where} is registered with reads_text=True and has no argument 'text_encoder'")
        check_metrics(entry, metrics)
    return plugin


def check_metrics(entry: Entry[TaskFacts], metrics: Iterable[str]) -> None:
    """Every metric that a task names exists, and every one that its code adds under a literal name is declared.

    Raises:
        UsageError: the first that is not so, with the nearest valid name.
    """
    known = list(metrics)
    for metric in entry.facts.metrics:
        if isinstance(metric, str) and MetricName.parse(metric, known).metric not in known:
            raise UsageError(
                f"{entry.path}: {entry.name!r} names an unknown metric {metric!r}{did_you_mean(metric, known)}"
            )
    declared = declared_by(entry)
    for call in ast.walk(parse_source(entry.path)):
        # `add` of a set takes one argument, `TaskResult.add` two or more
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and len(call.args) > 1:
            name = call.args[0]
            if (
                call.func.attr in ("add", "add_whole")
                and isinstance(name, ast.Constant)
                and isinstance(name.value, str)
            ):
                check_declared(name.value, declared, f"{entry.path}:{call.lineno}: {entry.name!r}")


def declared_by(entry: Entry[TaskFacts]) -> list[str]:
    """Names of the metrics that a task declares."""
    return [metric if isinstance(metric, str) else metric.name for metric in entry.facts.metrics]


def check_declared(name: str, declared: Iterable[str], where: str) -> None:
    """A value's name belongs to a declared metric.

    Raises:
        UsageError: it does not; with the nearest declared name.
    """
    known = list(declared)
    metric = MetricName.parse(name, known).metric
    families = {MetricName.parse(other, [metric]).metric for other in known}  # "bleu" for a declared "bleu_4"
    if metric not in known and metric not in families:
        raise UsageError(f"{where} measures {name!r}, which it does not declare{did_you_mean(metric, known)}")


def _check_signatures(plugin: type, base: type, where: str) -> None:
    for name, expected in inspect.getmembers(base, inspect.isfunction):
        if name.startswith("_") or name not in vars(plugin):
            continue
        wanted = list(inspect.signature(expected).parameters)
        given = list(inspect.signature(getattr(plugin, name)).parameters)
        if given != wanted:
            raise UsageError(f"{where}.{name} takes ({', '.join(given)}), not ({', '.join(wanted)})")
