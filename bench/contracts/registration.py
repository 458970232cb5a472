"""Read registrations: what a plug-in's file says of its plug-ins, from its syntax tree, so that nothing is imported."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.contracts.facts import Facts, MethodFacts
from bench.contracts.metric import Metric
from bench.errors import UsageError, did_you_mean
from bench.system.files import ROOT
from bench.system.neighbours import parse_source
from bench.system.plugin_modules import PLUGIN, explained, load

F = TypeVar("F", bound=Facts)


@dataclass(frozen=True)
class Entry(Generic[F]):
    """A registered plug-in, not yet imported.

    target: the class or function's name in `module`, whose file is `path`. about: its first docstring line.
    """

    name: str
    facts: F
    module: str
    path: Path
    target: str
    about: str

    def load(self) -> Any:
        """Import the plug-in's file and return the class or function.

        Raises:
            UsageError: a file from outside cannot be imported.
        """
        if not self.from_outside:
            return getattr(importlib.import_module(self.module), self.target)
        with explained(self.path):
            file = self.module.startswith(PLUGIN)
            return getattr(load(self.path) if file else importlib.import_module(self.module), self.target)

    @property
    def from_outside(self) -> bool:
        """Whether its file is no part of this project."""
        return not self.path.is_relative_to(ROOT) or self.module.startswith(PLUGIN)


def read_registrations(path: Path, module: str, variable: str, facts: type[F]) -> Iterable[Entry[F]]:
    """The plug-ins that a file registers by `@<variable>.register(...)`.

    Raises:
        UsageError: the file is not Python, or a registration is not what `facts` describes.
    """
    for node in parse_source(path).body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            continue
        about = (ast.get_docstring(node) or "").partition("\n")[0]
        for call in node.decorator_list:
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith(f"{variable}.register")):
                continue
            where = f"{path}:{call.lineno}"
            try:
                (name,) = map(_literal, call.args)
                given = {word.arg: _literal(word.value) for word in call.keywords if word.arg}
            except (TypeError, ValueError, RecursionError) as error:
                raise UsageError(f"{where}: a registration takes one name and facts, literals only") from error
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise UsageError(f"{where}: a name is text that can be printed, not {name!r:.80}")
            yield Entry(name, _facts(facts, given, f"{where}: {name!r}"), module, path.resolve(), node.name, about)


def _literal(node: ast.expr) -> Any:
    """A literal, in which `Metric(...)` may stand."""
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(map(_literal, node.elts))
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Metric"):
        return Metric(
            *map(_literal, node.args), **{word.arg: _literal(word.value) for word in node.keywords if word.arg}
        )
    return ast.literal_eval(node)


def _facts(kind: type[F], given: dict[str, Any], where: str) -> F:
    """Facts of the right names and types.

    Raises:
        UsageError: one is missing or unknown, or has a value that it cannot have.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in given.keys() - fields.keys():
        hint = did_you_mean(name, fields) if fields else "; there are none"
        arguments = "; arguments of a method stand in arguments={...}" if kind is MethodFacts else ""
        raise UsageError(f"{where} has an unknown fact {name!r}{hint}{arguments}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise UsageError(f"{where} lacks the fact {name!r}; see {kind.__name__} in bench/contracts/facts.py")
    hints = typing.get_type_hints(kind)
    for name, value in given.items():
        _check_type(value, hints[name], f"{where}: {name}")
    return kind(**given)


def _check_type(value: Any, hint: Any, where: str) -> None:
    """Hold a fact to its type hint, of the few kinds that facts have.

    Raises:
        UsageError: the value does not fit; for a word that may only be one of some, with the nearest of them.
    """
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, tuple):
            raise UsageError(f"{where} is a tuple, such as ({value!r},), not {value!r}")
        for item in value:
            _check_type(item, options[0], where)
    elif origin is typing.Literal:
        if value not in options:
            raise UsageError(f"{where} cannot be {value!r}{did_you_mean(str(value), options)}")
    elif origin is Mapping:
        if not isinstance(value, dict):
            raise UsageError(f"{where} is a dictionary, not {value!r}")
    elif options:  # a union; of None and a Literal, the Literal says what the value may be
        narrower = [option for option in options if typing.get_origin(option) is typing.Literal]
        if narrower and value is not None:
            _check_type(value, narrower[0], where)
        elif not narrower and not isinstance(value, options):
            raise UsageError(f"{where} cannot be {value!r}")
    elif not isinstance(value, hint):
        raise UsageError(f"{where} cannot be {value!r}")
