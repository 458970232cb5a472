"""Fingerprints: what determines an output, as a hash.

Code counts by its syntax tree, so comments, docstrings and layout change nothing, and with it every project file it
imports, directly or not. An import counts by the content of the file it reaches and by the name it takes from there,
never by the module's name: a file can be renamed or moved and no key changes. Modules outside the project count by
their names; their versions are stored in records and left out of keys.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.system.files import ROOT

PLUMBING = frozenset(
    {
        "bench",
        "bench.methods",
        "bench.tasks",
        "bench.registry",
        "bench.contracts",
        "bench.contracts.data",
        "bench.contracts.facts",
        "bench.contracts.method",
        "bench.contracts.metric",
        "bench.contracts.registration",
        "bench.contracts.task",
        "bench.errors",
        "bench.system.fingerprint",
        "bench.presets",
        "bench.system.progress",
    }
)
"""Left out of code hashes: these define names and types only. Preset values are hashed separately."""

Bindings = Mapping[str, frozenset[tuple[Path, str]]]
"""A name in a file to the project files it may stand for, with the name it has there; "" stands for the whole file."""


def of_value(value: object) -> str:
    """sha256 of a plain value (numbers, strings, lists, dicts) in canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_code(files: Iterable[Path], root: Path = ROOT) -> str:
    """sha256 over the syntax trees of these files and of all project files they import; root: the project's folder."""
    seen: set[Path] = set()
    queue = [path.resolve() for path in files]
    while queue:
        path = queue.pop()
        if path not in seen:
            seen.add(path)
            queue.extend(imported_files(path, root))
    return of_value(sorted({_linked(path, root) for path in seen if _parse(path).body}))


@functools.cache
def imported_files(path: Path, root: Path = ROOT) -> tuple[Path, ...]:
    """The project files that a file imports itself, packages on the way to them included, `PLUMBING` left out."""
    names = {name for statement in _imports(_parse(path)) for name in _modules(statement)}
    return tuple(sorted({file for name in names if (file := _find(name, root)) is not None}))


@functools.cache
def _linked(path: Path, root: Path) -> str:
    """Hash of a file in which each imported name counts as what it is in which content."""
    tokens: dict[str, object] = {}
    for name, origins in _bindings(path, root).items():
        tokens[name] = ["import", sorted([original, _unlinked(file, root)] for file, original in origins)]
    return of_value(_canonical(_parse(path), tokens))


@functools.cache
def _unlinked(path: Path, root: Path) -> str:
    """Hash of a file in which imported names count by themselves: defined even where files import each other."""
    tokens: dict[str, object] = {}
    for name, origins in _bindings(path, root).items():
        tokens[name] = ["import", sorted(original for _, original in origins)]
    return of_value(_canonical(_parse(path), tokens))


@functools.cache
def _parse(path: Path) -> ast.Module:
    """A file's syntax tree without its docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_bare_string(node)]
    return tree


@functools.cache
def _bindings(path: Path, root: Path) -> Bindings:
    """What the names that a file imports from the project stand for, wherever in the file they are imported."""
    found: dict[str, set[tuple[Path, str]]] = defaultdict(set)
    for statement in _imports(_parse(path)):
        for alias in statement.names:
            whole = alias.name if isinstance(statement, ast.Import) else f"{statement.module}.{alias.name}"
            module, original = _find(whole, root), ""
            if module is None and isinstance(statement, ast.ImportFrom) and whole not in PLUMBING:
                module, original = _find(statement.module or "", root), alias.name
            if module is not None:
                found[alias.asname or alias.name.partition(".")[0]].add((module, original))
    return {name: frozenset(origins) for name, origins in found.items()}


def _canonical(node: object, tokens: Mapping[str, object]) -> Any:
    """A syntax tree as plain lists, imported names replaced by their tokens, imports of project files left out.

    `ast.dump` will not do: its text differs between Python versions.
    """
    if isinstance(node, ast.Name) and node.id in tokens:
        return tokens[node.id]
    if isinstance(node, ast.AST):
        fields = [
            [name, _canonical(value, tokens)] for name, value in ast.iter_fields(node) if name not in ("ctx", "kind")
        ]
        return [type(node).__name__, *(field for field in fields if field[1] not in ([], "None"))]
    if isinstance(node, list):
        return [_canonical(item, tokens) for item in node if not (_is_bare_string(item) or _is_project_import(item))]
    return repr(node)


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_project_import(node: object) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) and any(
        name.partition(".")[0] == "bench" for name in _modules(node)
    )


def _imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """All imports of project files, in functions too."""
    return [
        node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) and _is_project_import(node)
    ]


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Names that an import may reach as modules; `from a import b` gives both a and a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not node.module or node.level:
        return []
    return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]


@functools.cache
def _find(name: str, root: Path) -> Path | None:
    """The file of a project module, or None where the name is not a module (a class, say) or is `PLUMBING`."""
    if name in PLUMBING:
        return None
    base = root.joinpath(*name.split("."))
    return next((path.resolve() for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
