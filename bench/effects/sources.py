"""What the sources of registered methods say of their arguments, from the syntax tree, so that nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.contracts.facts import MethodFacts
from bench.contracts.registration import Entry
from bench.effects.pairs import pairs
from bench.errors import UsageError
from bench.registry import methods
from bench.system.files import ROOT
from bench.system.neighbours import PROJECT, find, parse_source, places_of

VARIANTS = "VARIANTS"
"""Beside a method with an argument `variant`: what arguments that are None mean in each, {variant: Call(name=...)}."""


class Sources:
    """The methods that are registered when this is made; what was read once is kept."""

    def __init__(self) -> None:
        self._entries = {entry.name: entry for entry in methods.entries()}
        self._names: dict[tuple[str, str], str] = {}
        for entry in sorted(self._entries.values(), key=lambda entry: (len(entry.name), entry.name)):
            self._names.setdefault((entry.module, entry.target), entry.name)
        self._defaults: dict[str, dict[str, Any] | None] = {}
        self._fields: dict[tuple[str, str], dict[str, Any]] = {}
        self._texts: dict[str, dict[str, str] | None] = {}
        self._losses: dict[str, tuple[str, ...]] = {}
        self._variants: dict[str, dict[str, dict[str, Any]]] = {}

    def class_name(self, method: str) -> str | None:
        """The shortest name under which a method's class is registered: "lgvq" for "lgvq-gsa"; None if not known."""
        entry = self._entries.get(method)
        return None if entry is None else self._names[entry.module, entry.target]

    def defaults(self, method: str) -> Mapping[str, Any] | None:
        """A method's arguments as its registration has them; a default that is no literal is its source, in <>.

        None where the method is not known: it was registered by a file that is not at hand.
        """
        if method not in self._defaults:
            entry = self._entries.get(method)
            self._defaults[method] = None if entry is None else self._registered(entry)
        return self._defaults[method]

    def default_texts(self, method: str) -> Mapping[str, str] | None:
        """The same with the values as `pairs` spells them."""
        if method not in self._texts:
            defaults = self.defaults(method)
            self._texts[method] = None if defaults is None else dict(pairs(defaults))
        return self._texts[method]

    def losses(self, method: str) -> tuple[str, ...]:
        """All losses that a method's class is registered with, first those of this name; empty if it is not known."""
        if method not in self._losses:
            name = self.class_name(method)
            same = [other for other in self._entries if name is not None and self.class_name(other) == name]
            found = [loss for one in (method, *same) for loss in (self.defaults(one) or {}).get("losses") or ()]
            self._losses[method] = tuple(dict.fromkeys(loss for loss in found if isinstance(loss, str)))
        return self._losses[method]

    def meant(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with what None means in the variant that is set, as far as the method's source says so."""
        if method not in self._variants:
            entry = self._entries.get(method)
            self._variants[method] = {} if entry is None else _variants(entry.path)
        variant = arguments.get("variant")
        switches = self._variants[method].get(variant, {}) if isinstance(variant, str) else {}
        return {name: switches.get(name) if value is None else value for name, value in arguments.items()}

    def _registered(self, entry: Entry[MethodFacts]) -> dict[str, Any] | None:
        target = (entry.module, entry.target)
        try:
            if target not in self._fields:
                self._fields[target] = _fields(entry.path, entry.target, frozenset())
        except UsageError:
            return None
        return self._fields[target] | dict(entry.facts.arguments)


def _fields(path: Path, name: str, above: frozenset[tuple[Path, str]]) -> dict[str, Any]:
    """Defaults of a dataclass's fields, with those that it inherits from classes whose source is found."""
    tree = parse_source(path)
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
    if found is None:
        return {}
    fields: dict[str, Any] = {}
    for base in reversed(found.bases):
        if isinstance(base, ast.Name) and (path, base.id) not in above:
            place = _imported_from(tree, path, base.id) or path
            fields |= _fields(place, base.id, above | {(path, name)})
    for node in found.body:
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.value is not None
            and "ClassVar" not in ast.unparse(node.annotation)
        ):
            fields[node.target.id] = _literal(node.value)
    return fields


def _variants(path: Path) -> dict[str, dict[str, Any]]:
    """`VARIANTS` of a file, or of the one that it imports them from; empty where there is no such thing."""
    try:
        tree = parse_source(path)
        place = _imported_from(tree, path, VARIANTS)
        tree = tree if place is None else parse_source(place)
    except UsageError:
        return {}
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [VARIANTS]
    ]
    if not values or not isinstance(values[-1], ast.Dict):
        return {}
    return {
        key.value: {word.arg: _literal(word.value) for word in value.keywords if word.arg}
        for key, value in zip(values[-1].keys, values[-1].values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Call)
    }


def _imported_from(tree: ast.Module, path: Path, name: str) -> Path | None:
    """The file that a module takes a name from by `from MODULE import NAME`."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names):
            parts = tuple(node.module.split("."))
            if parts[0] == PROJECT:
                module = ROOT.joinpath(*parts)
                files = (module.with_name(f"{module.name}.py"), module / "__init__.py")
                return next((file for file in files if file.is_file()), None)
            return next(reversed(find(parts, places_of(path))), None)
    return None


def _literal(node: ast.expr) -> Any:
    """Its value; of what only an import could tell the value of, the source, which equals no value in a record."""
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError, RecursionError):
        return f"<{ast.unparse(node)}>"
