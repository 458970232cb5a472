"""One registry for every kind of plug-in.

A plug-in is a class or function in a file of its folder, decorated with its name and facts:

    @tasks.register("knn", needs=("questions",), metrics=(Metric("knn_accuracy", higher_is_better=True),))
    @dataclass(frozen=True)
    class NearestNeighbours(Task): ...

The decorator does nothing when it runs. Names, facts and the first docstring line are read from the file's syntax
tree, so that listing imports nothing; the file is imported when its plug-in is first used. That is why facts are
literals and the decorator has to be spelled `@<registry>.register(...)`. `bench.contracts.facts` says which facts there
are. Others add plug-ins from outside by an entry point or by `--plugin FILE.py`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.contracts.facts import (
    DataSetFacts,
    ExtractorFacts,
    Facts,
    MethodFacts,
    MetricFacts,
    TaskFacts,
    TextEncoderFacts,
)
from bench.contracts.metric import FLOOR, Metric, MetricName
from bench.contracts.registration import Entry, read_registrations
from bench.errors import UsageError, did_you_mean
from bench.system.files import ROOT
from bench.system.neighbours import parse_source
from bench.system.plugin_modules import module_name

T = TypeVar("T")
F = TypeVar("F", bound=Facts)


class Registry(Generic[F]):
    """The plug-ins of one kind, found in one folder.

    kind: the word for messages. variable: the name that decorators in plug-in files use for this registry.
    facts: the type of their facts.
    """

    def __init__(self, kind: str, variable: str, folder: str, facts: type[F]) -> None:
        self.kind = kind
        self.variable = variable
        self.folder = (ROOT / folder).resolve()
        self.package = folder.replace("/", ".")
        self.facts = facts
        self._entries: dict[str, Entry[F]] | None = None

    def register(self, name: str, **facts: Any) -> Callable[[T], T]:  # noqa: ARG002 - read from the syntax tree
        """Mark a class or function as a plug-in; the arguments must be literals. Changes nothing when it runs."""
        return lambda target: target

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._all())

    def entries(self) -> list[Entry[F]]:
        """All entries, sorted by name."""
        return [self._all()[name] for name in self.names()]

    def get(self, name: str) -> Entry[F]:
        """The entry of this name; "family:argument" finds the family.

        Raises:
            UsageError: unknown name, with the nearest valid one.
        """
        entry = self._all().get(name) or self._all().get(name.partition(":")[0])
        if entry is None:
            raise UsageError(f"unknown {self.kind} {name!r}{did_you_mean(name, self.names())}")
        return entry

    def add_file(self, path: Path, module: str | None = None) -> list[Entry[F]]:
        """Read the plug-ins of this kind in a file.

        Raises:
            UsageError: the file is not Python, its facts are not what they should be, or a name is taken.
        """
        entries = self._all()
        read = list(read_registrations(path, module or module_name(path), self.variable, self.facts))
        for entry in read:
            taken = entries.get(entry.name)
            if taken is not None and taken.path != entry.path:
                raise UsageError(f"{path}: the {self.kind} name {entry.name!r} is taken by {taken.path}")
            entries[entry.name] = entry
        return read

    def _all(self) -> dict[str, Entry[F]]:
        if self._entries is None:
            self._entries = {}
            for path in sorted(self.folder.glob("*.py")):
                self.add_file(path, self.package if path.stem == "__init__" else f"{self.package}.{path.stem}")
            for point in entry_points(group=f"codebook_bench.{self.variable}"):
                try:
                    spec = importlib.util.find_spec(point.module)  # imports the packages above it
                except Exception as error:
                    raise UsageError(f"entry point {point.name!r}: {point.module} cannot be found: {error}") from error
                if spec is None or spec.origin is None:
                    raise UsageError(f"entry point {point.name!r} names a missing module {point.module!r}")
                self.add_file(Path(spec.origin), point.module)
        return self._entries


methods = Registry("method", "methods", "bench/methods", MethodFacts)
tasks = Registry("task", "tasks", "bench/tasks", TaskFacts)
datasets = Registry("data set", "datasets", "bench/data", DataSetFacts)
text_encoders = Registry("text encoder", "text_encoders", "bench/text", TextEncoderFacts)
metrics = Registry("metric", "metrics", "bench/metrics", MetricFacts)
extractors = Registry("feature extractor", "extractors", "bench/features", ExtractorFacts)
REGISTRIES: tuple[Registry[Any], ...] = (methods, tasks, datasets, text_encoders, metrics, extractors)


def add_plugin(path: Path) -> list[Entry[Any]]:
    """Register everything that a third party's file declares, of whatever kind.

    Raises:
        UsageError: the file cannot be read, declares nothing, or declares a metric that nothing would measure.
    """
    parse_source(path)
    entries = [entry for registry in REGISTRIES for entry in registry.add_file(path)]
    if not entries:
        spelled = ", ".join(f"@{registry.variable}.register(...)" for registry in REGISTRIES)
        raise UsageError(f"plug-in {path} registers nothing: no class or function is decorated with one of {spelled}")
    named = {name for entry in tasks.entries() if entry.path == path.resolve() for name in entry.facts.metrics}
    for entry in metrics.entries():
        if entry.path == path.resolve() and entry.facts.compares is None and entry.name not in named:
            raise UsageError(
                f'{path}: nothing would measure the metric {entry.name!r}: give it compares="images" or '
                f'"features", or name it among the metrics of a task in the same file'
            )
    return entries


def all_metrics() -> dict[str, Metric]:
    """Every declared metric by name: those of `bench/metrics`, then those that single tasks declare.

    Raises:
        UsageError: two declare one name with another meaning.
    """
    declared = {
        entry.name: Metric(entry.name, entry.facts.higher_is_better, entry.facts.unit, entry.about)
        for entry in metrics.entries()
    }
    for task in tasks.entries():
        for metric in task.facts.metrics:
            if isinstance(metric, Metric) and declared.setdefault(metric.name, metric) != metric:
                raise UsageError(f"{task.path}: {task.name} declares {metric.name!r} with another meaning than before")
    return declared


def metric_names(task: str) -> tuple[str, ...]:
    """What a task declares to measure, in its order; empty for a task that this version does not know."""
    if task not in tasks.names():
        return ()
    return tuple(metric if isinstance(metric, str) else metric.name for metric in tasks.get(task).facts.metrics)


def metric_of(name: str) -> Metric:
    """The declared metric that a value's name belongs to, such as "fd" for "fd_tinyclip@floor".

    A value that is a property of the data (variant "floor") has no better and no worse.

    Raises:
        UsageError: no such metric is declared.
    """
    declared = all_metrics()
    parsed = MetricName.parse(name, declared)
    if parsed.metric not in declared:
        raise UsageError(f"unknown metric {parsed.metric!r}{did_you_mean(parsed.metric, declared)}")
    metric = declared[parsed.metric]
    return dataclasses.replace(metric, higher_is_better=None) if parsed.variant == FLOOR else metric
