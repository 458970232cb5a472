"""Files given by --plugin as modules, with what lies beside them.

The modules of one plug-in's folder get names of their own, so that two folders that both have a `helper.py` never meet,
and neither the current folder nor what is installed comes before what lies beside the file.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from typing_extensions import override

from bench.errors import BenchError, UsageError
from bench.system.neighbours import find, places_of

PLUGIN = "bench_plugin_"
"""Beginning of the names of all these modules."""
LONGEST_REASON = 300

_importers: dict[str, Callable[..., Any]] = {}
"""What an import statement calls, by the name of the package that stands for a plug-in's folder."""


def module_name(file: Path) -> str:
    """The name of a plug-in's module: unlike that of a file of the same name in another folder."""
    file = file.resolve()
    stem = file.stem if file.stem.isidentifier() else f"file_{_digest(file.name)}"
    return ".".join((PLUGIN + _digest(str(file.parent)), *file.parent.relative_to(_root(file)).parts, stem))


def load(file: Path) -> ModuleType:
    """The module of a plug-in's file, imported once.

    Raises:
        Exception: whatever it raises; see `explained`.
    """
    file = file.resolve()
    name = module_name(file)
    if name in sys.modules:
        return sys.modules[name]
    if not any(isinstance(finder, _Neighbours) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Neighbours())
    package = name.partition(".")[0]
    if package not in sys.modules:
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(_root(file))]
        _importers[package] = _importer(package, file)
    spec = spec_from_file_location(name, file, loader=_Loader(name, str(file)))
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while the class is being made
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn whatever the import of a file from outside raises into one line with the file and the place.

    Raises:
        UsageError: anything was raised, or the file ended the process.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        raise UsageError(f"plug-in {file} cannot be imported: {_reason(error, file)}") from error


class _Loader(SourceFileLoader):
    """Runs a module so that its imports look beside the plug-in first."""

    @override
    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": _importers[package]}
        super().exec_module(module)

    @override
    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew each time: the cache beside a file knows times by the second, and would hide a quick edit."""
        return self.source_to_code(self.get_data(self.path), self.path)


class _Neighbours(MetaPathFinder):
    """Finds the modules beside plug-ins by their private names, and has them run as the plug-in itself is."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PLUGIN):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def _importer(package: str, file: Path) -> Callable[..., Any]:
    """`__import__` for the modules of a plug-in's folder: what lies beside the plug-in comes first."""
    places, root = places_of(file), _root(file)

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        parts = tuple(fromlist or ())
        names = (name.partition(".")[0], name, *(f"{name}.{part}" for part in parts))
        asked = [tuple(text.split(".")) for text in names]
        place = None if level else next((place for place in places if any(find(x, (place,)) for x in asked)), None)
        if place is None:
            return builtins.__import__(name, globals, locals, parts, level)
        above = ".".join((package, *place.folder.relative_to(root).parts))
        module = importlib.import_module(f"{above}.{name}")
        if parts:  # `from name import part`, where a part may be a module too
            return builtins.__import__(module.__name__, globals, locals, parts, 0)
        return sys.modules[f"{above}.{name.partition('.')[0]}"]

    return import_


def _root(file: Path) -> Path:
    """The folder that all modules of a plug-in's lie below."""
    places = places_of(file)
    return places[-1].folder if places else file.parent


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _reason(error: BaseException, file: Path) -> str:
    """What was raised and where in the plug-in's folder, in one line."""
    kind = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
    text = " ".join(str(error).replace(f"{PLUGIN}{_digest(str(file.parent))}.", "").split())[:LONGEST_REASON]
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(file.parent)
    ]
    return f"{kind}{text}" + (f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else "")
