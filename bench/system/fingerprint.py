"""Fingerprints: what determines an output, as a hash.

Code counts by its syntax tree, so comments, docstrings and layout change nothing, and with it every project file it
imports, directly or not, and every file that lies beside a plug-in from outside. An import counts by the content of the
file it reaches and by the name it takes from there, never by the module's name: a file can be renamed or moved and no
key changes. Other modules count by their names; their versions are stored in records and left out of keys.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.system.files import ROOT
from bench.system.neighbours import PROJECT, Place, Places, find, parse_source, places_of

PLUMBING = frozenset(
    {
        "bench",
        "bench.methods",
        "bench.tasks",
        "bench.registry",
        "bench.contracts",
        "bench.contracts.arguments",
        "bench.contracts.data",
        "bench.contracts.facts",
        "bench.contracts.method",
        "bench.contracts.metric",
        "bench.contracts.registration",
        "bench.contracts.task",
        "bench.errors",
        "bench.system.fingerprint",
        "bench.system.neighbours",
        "bench.system.plugin_modules",
        "bench.presets",
        "bench.system.progress",
    }
)
"""Left out of code hashes: these define names and types only. Preset values are hashed separately."""

Bindings = Mapping[str, frozenset[tuple[Path, str]]]
"""A name in a file to the files it may stand for, with the name it has there; "" stands for the whole file."""
Import = ast.Import | ast.ImportFrom


class Code(NamedTuple):
    """A file whose code counts, the project's folder, and where the files that its imports reach may lie."""

    path: Path
    root: Path
    places: Places


def of_value(value: object) -> str:
    """sha256 of a plain value (numbers, strings, lists, dicts) in canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_code(files: Iterable[Path], root: Path = ROOT) -> str:
    """sha256 over the syntax trees of these files and of all that they import; root: the project's folder.

    Raises:
        UsageError: a file is not Python.
    """
    seen: dict[Path, Code] = {}
    queue = [_code(path, root) for path in files]
    while queue:
        code = queue.pop()
        if code.path not in seen:
            seen[code.path] = code
            queue.extend(_reached(path, code) for path in _imported(code))
    return of_value(sorted({_linked(code) for code in seen.values() if _parse(code.path).body}))


def imported_files(path: Path, root: Path = ROOT) -> tuple[Path, ...]:
    """The files that a file imports itself and that count, packages on the way to them included."""
    return _imported(_code(path, root))


def _code(path: Path, root: Path) -> Code:
    """A file that is not reached by an import."""
    path = path.resolve()
    project = _is_project(path, root)
    return Code(path, root, (Place(root, PROJECT),) if project else (*places_of(path), Place(root, PROJECT)))


def _reached(path: Path, importer: Code) -> Code:
    """A file that another imports: what lies beside a plug-in imports as the plug-in does."""
    return _code(path, importer.root) if _is_project(path, importer.root) else importer._replace(path=path)


@functools.cache
def _is_project(path: Path, root: Path) -> bool:
    """Whether a file is part of this project's package, whose methods and tasks may be links."""
    packages = (root / PROJECT, root / PROJECT / "methods", root / PROJECT / "tasks")
    return any(path.is_relative_to(package.resolve()) for package in packages)


@functools.cache
def _imported(code: Code) -> tuple[Path, ...]:
    return tuple(sorted({file for statement in _imports(code) for file in _files(statement, code)}))


@functools.cache
def _linked(code: Code) -> str:
    """Hash of a file in which each imported name counts as what it is in which content."""
    tokens: dict[str, object] = {}
    for name, origins in _bindings(code).items():
        tokens[name] = [
            "import",
            sorted([original, _unlinked(_reached(file, code))] for file, original in origins),
        ]
    return of_value(_canonical(_parse(code.path), tokens, _imports(code)))


@functools.cache
def _unlinked(code: Code) -> str:
    """Hash of a file in which imported names count by themselves: defined even where files import each other."""
    tokens: dict[str, object] = {}
    for name, origins in _bindings(code).items():
        tokens[name] = ["import", sorted(original for _, original in origins)]
    return of_value(_canonical(_parse(code.path), tokens, _imports(code)))


@functools.cache
def _parse(path: Path) -> ast.Module:
    """A file's syntax tree without its docstring."""
    tree = parse_source(path)
    tree.body = [node for node in tree.body if not _is_bare_string(node)]
    return tree


@functools.cache
def _bindings(code: Code) -> Bindings:
    """What the names that a file imports stand for, wherever in the file they are imported."""
    found: dict[str, set[tuple[Path, str]]] = defaultdict(set)
    for statement in _imports(code):
        module, places = _asked(statement, code)
        for alias in statement.names:
            files, original = find((*module, *alias.name.split(".")), places), ""
            if not files and module:
                files, original = find(module, places), alias.name
            if files and files[-1] not in _plumbing(code.root):
                found[alias.asname or alias.name.partition(".")[0]].add((files[-1], original))
    return {name: frozenset(origins) for name, origins in found.items()}


def _canonical(node: object, tokens: Mapping[str, object], left_out: frozenset[Import]) -> Any:
    """A syntax tree as plain lists, imported names replaced by their tokens, imports of files that count left out.

    `ast.dump` will not do: its text differs between Python versions.
    """
    if isinstance(node, ast.Name) and node.id in tokens:
        return tokens[node.id]
    if isinstance(node, ast.AST):
        fields = [
            [name, _canonical(value, tokens, left_out)]
            for name, value in ast.iter_fields(node)
            if name not in ("ctx", "kind")
        ]
        return [type(node).__name__, *(field for field in fields if field[1] not in ([], "None"))]
    if isinstance(node, list):
        return [_canonical(item, tokens, left_out) for item in node if not (_is_bare_string(item) or item in left_out)]
    return repr(node)


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@functools.cache
def _imports(code: Code) -> frozenset[Import]:
    """All imports of files that count and of `PLUMBING`, in functions too."""
    return frozenset(node for node in ast.walk(_parse(code.path)) if isinstance(node, Import) and _found(node, code))


def _files(statement: Import, code: Code) -> set[Path]:
    """The files that an import reaches, without `PLUMBING`."""
    return _found(statement, code) - _plumbing(code.root)


def _found(statement: Import, code: Code) -> set[Path]:
    """The files that an import may reach; `from a import b` may mean both a and a.b."""
    module, places = _asked(statement, code)
    names = [(*module, *alias.name.split(".")) for alias in statement.names]
    return {file for parts in (*names, module) if parts for file in find(parts, places)}


def _asked(statement: Import, code: Code) -> tuple[tuple[str, ...], Places]:
    """The module that a `from` import names, in parts, () for a plain import; and where modules are looked up."""
    if isinstance(statement, ast.Import):
        return (), code.places
    module = tuple(statement.module.split(".")) if statement.module else ()
    if not statement.level:
        return module, code.places
    package = code.path.parents[min(statement.level, len(code.path.parents)) - 1]
    return (package.name, *module), (Place(package.parent, package.name),)


@functools.cache
def _plumbing(root: Path) -> frozenset[Path]:
    """The files of `PLUMBING`."""
    return frozenset(file for name in PLUMBING for file in find(tuple(name.split(".")), (Place(root, PROJECT),))[-1:])
