"""Fingerprints: what determines an output, as a hash.

Code counts by its syntax tree, so comments, docstrings and layout change nothing, and with it every project module it
imports, directly or not. Modules outside the project count by their versions, which records store and keys leave out.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.registry import ROOT

PACKAGES = ("bench", "methods", "tasks")
PLUMBING = frozenset(
    {
        "bench",
        "methods",
        "tasks",
        "bench.registry",
        "bench.contracts",
        "bench.errors",
        "bench.presets",
        "bench.progress",
    }
)
"""Modules that name and carry things; what of them can change a value (a preset's numbers) is hashed by itself."""


def of_value(value: object) -> str:
    """sha256 of a plain value (numbers, strings, lists, dicts) in canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_code(files: Iterable[Path]) -> str:
    """sha256 over the syntax trees of these files and of all project modules they import."""
    seen: set[Path] = set()
    queue = [path.resolve() for path in files]
    while queue:
        path = queue.pop()
        if path not in seen:
            seen.add(path)
            queue.extend(_read(path)[1])
    return of_value(sorted(_read(path)[0] for path in seen))


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Hash of one file's syntax tree, and the project files it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {found for name in _imports(tree) if (found := _find(name)) is not None}
    return of_value(_canonical(tree)), tuple(sorted(imported))


def _canonical(node: object) -> object:
    """A syntax tree as plain lists. `ast.dump` will not do: its text differs between Python versions."""
    if isinstance(node, ast.AST):
        fields = [[name, _canonical(value)] for name, value in ast.iter_fields(node) if name not in ("ctx", "kind")]
        return [type(node).__name__, *(field for field in fields if field[1] not in ([], "None"))]
    if isinstance(node, list):
        return [_canonical(item) for item in node if not _is_bare_string(item)]
    return repr(node)


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Names of project modules imported anywhere in a file; `from a import b` gives both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in PACKAGES and name not in PLUMBING)


def _find(name: str) -> Path | None:
    """The file of a project module, or None where the name is not a module (a class, say)."""
    base = ROOT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
