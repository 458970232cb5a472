"""One registry for every kind of plug-in.

A plug-in is a class or function in a file of its room, decorated with `@methods.register("name", fact=value)`.
Names, facts and the first docstring line are read from the syntax tree, so listing imports nothing; a plug-in's file is
imported when it is first used. Facts are literals: preset arguments for a method, direction and unit for a metric,
needs and metrics for a task. Others add plug-ins from outside by an entry point or by `--plugin FILE.py`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from bench.errors import UsageError

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Entry:
    """A registered plug-in, not yet imported.

    target is the class or function's name inside `module` (found at `path`); about is its first docstring line.
    """

    name: str
    facts: dict[str, Any]
    module: str
    path: Path
    target: str
    about: str

    def load(self) -> Any:
        """Import the plug-in's file and return the class or function."""
        return getattr(_import(self.module, self.path), self.target)


class Registry:
    """The plug-ins of one kind, found in one folder.

    kind is the word used in messages, variable the name that decorators in plug-in files use for this registry.
    """

    def __init__(self, kind: str, variable: str, folder: str) -> None:
        self.kind = kind
        self.variable = variable
        self.folder = ROOT / folder
        self.package = folder.replace("/", ".")
        self._entries: dict[str, Entry] | None = None

    def register(self, name: str, **facts: Any) -> Callable[[T], T]:  # noqa: ARG002 - read from the syntax tree
        """Mark a class or function as a plug-in; the arguments must be literals. Changes nothing at run time."""
        return lambda target: target

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._all())

    def entries(self) -> list[Entry]:
        """All entries, sorted by name."""
        return [self._all()[name] for name in self.names()]

    def get(self, name: str) -> Entry:
        """The entry of this name; "family:argument" finds the family.

        Raises:
            UsageError: unknown name, with the nearest valid one.
        """
        family = name.partition(":")[0]
        found = self._all().get(name) or self._all().get(family)
        if found is None:
            raise UsageError(f"unknown {self.kind} {name!r}{did_you_mean(name, self.names())}")
        return found

    def add_file(self, path: Path, module: str | None = None) -> int:
        """Read the plug-ins of this kind in a file; returns how many there are.

        Raises:
            UsageError: the file is not Python, or one of its names is taken by another file.
        """
        entries = self._all()
        found = _read(path, module or f"bench_plugin_{path.stem}", self.variable)
        for entry in found:
            taken = entries.get(entry.name)
            if taken is not None and taken.path != entry.path:
                raise UsageError(f"{path}: the {self.kind} name {entry.name!r} is taken by {taken.path}")
            entries[entry.name] = entry
        return len(found)

    def _all(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = {}
            for path in sorted(self.folder.glob("*.py")):
                self.add_file(path, self.package if path.stem == "__init__" else f"{self.package}.{path.stem}")
            for point in entry_points(group=f"codebook_bench.{self.variable}"):
                spec = importlib.util.find_spec(point.module)
                if spec is None or spec.origin is None:
                    raise UsageError(f"entry point {point.name!r} names a missing module {point.module!r}")
                self.add_file(Path(spec.origin), point.module)
        return self._entries


def did_you_mean(name: str, names: list[str]) -> str:
    """A hint to append to an error message: the nearest valid name, else all names."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"


def _read(path: Path, module: str, variable: str) -> list[Entry]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"cannot read plug-in {path}: {error}") from error
    entries = []
    for node in tree.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            continue
        about = (ast.get_docstring(node) or "").partition("\n")[0]
        for call in node.decorator_list:
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith(f"{variable}.register")):
                continue
            try:
                name = ast.literal_eval(call.args[0])
                facts = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
            except (IndexError, ValueError) as error:
                raise UsageError(f"{path}:{call.lineno}: a registration takes literals only") from error
            entries.append(Entry(name, facts, module, path.resolve(), node.name, about))
    return entries


def _import(module: str, path: Path) -> ModuleType:
    if not module.startswith("bench_plugin_"):
        return importlib.import_module(module)
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, path)
        if spec is None or spec.loader is None:
            raise UsageError(f"cannot import plug-in {path}")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded  # dataclasses look their module up while the class is being made
        spec.loader.exec_module(loaded)
    return sys.modules[module]


methods = Registry("method", "methods", "methods")
tasks = Registry("task", "tasks", "tasks")
datasets = Registry("data set", "datasets", "bench/data")
text_encoders = Registry("text encoder", "text_encoders", "bench/text")
metrics = Registry("metric", "metrics", "bench/metrics")
extractors = Registry("feature extractor", "extractors", "bench/features")
REGISTRIES = (methods, tasks, datasets, text_encoders, metrics, extractors)


def add_plugin(path: Path) -> None:
    """Register everything a third party's file declares, of whatever kind.

    Raises:
        UsageError: the file cannot be read, or declares nothing.
    """
    if sum(registry.add_file(path) for registry in REGISTRIES) == 0:
        raise UsageError(f"plug-in {path} registers nothing")


def metric_family(name: str) -> str:
    """The registered metric that a variant ("accuracy/color", "psnr@novel-pairs", "fd_tinyclip") belongs to.

    Raises:
        UsageError: no such metric.
    """
    known = metrics.names()
    family = re.split("[/@]", name)[0]
    while family not in known and "_" in family:
        family = family.rpartition("_")[0]
    return metrics.get(family).name


def metric_facts(name: str) -> dict[str, Any]:
    """Direction and unit of a metric; a variant has those of its family.

    What ends in "@floor" is a property of the data: it has no better and no worse.

    Raises:
        UsageError: no such metric.
    """
    facts = metrics.get(metric_family(name)).facts
    return {**facts, "higher_is_better": None} if name.endswith("@floor") else facts
