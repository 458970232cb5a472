"""The house: a folder's files use floors below them, no circle of imports, and plug-in folders hold plug-ins alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.registry import REGISTRIES
from bench.system.files import ROOT

FLOORS = (
    "bench.errors",
    "bench.system",
    "bench.presets",
    "bench.contracts",
    "bench.registry",
    "bench.images",
    "bench.text",
    "bench.features",
    "bench.metrics",
    "bench.data",
    "bench.records",
    "bench.statistics",
    "bench.experiment",
    "bench.tuning",
    "bench.noise",
    "bench.effects",
    "bench.leaderboard",
    "bench.report",
    "bench.check",
    "bench.cli",
    "bench.__main__",
    "bench.methods",
    "bench.tasks",
)
"""From the ground up. Methods and tasks stand beside the harness: it finds them by name and imports neither."""
PLUGIN_FOLDERS = ("methods", "tasks", "bench/data")
PLUGINS = ("bench.methods", "bench.tasks")


def modules() -> dict[str, Path]:
    """By the name that it is imported under: the folders of methods and tasks are linked into `bench`."""
    found = {}
    for folder, package in {"bench": "bench", "methods": "bench.methods", "tasks": "bench.tasks"}.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """Project modules that a file imports anywhere, also for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                name = whole if whole in MODULES else node.module
                if name in MODULES:
                    yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


@pytest.fixture(scope="module")
def graph() -> dict[str, list[str]]:
    return {name: sorted(set(imports(path)) - {name}) for name, path in MODULES.items()}


def floor_of(module: str) -> int:
    return max(i for i, floor in enumerate(FLOORS) if module == floor or module.startswith(f"{floor}."))


def test_no_file_uses_a_floor_above_it(graph: dict[str, list[str]]) -> None:
    up = [
        (name, used)
        for name, targets in graph.items()
        for used in targets
        if name != "bench" and used not in ("bench", *PLUGINS) and floor_of(used) > floor_of(name)
    ]
    assert not up


def test_the_harness_imports_no_plugin_by_name(graph: dict[str, list[str]]) -> None:
    assert not [(name, used) for name, targets in graph.items() for used in targets
                if not name.startswith(PLUGINS) and used.startswith(PLUGINS)]  # fmt: skip
    assert not [(name, used) for name, targets in graph.items() for used in targets
                if name.startswith("bench.methods") and used.startswith("bench.tasks")]  # fmt: skip


def test_no_circle_of_imports(graph: dict[str, list[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done:
            for used in graph[name]:
                visit(used, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("folder", PLUGIN_FOLDERS)
def test_every_file_at_the_top_of_a_plugin_folder_is_a_plugin(folder: str) -> None:
    registered = {entry.path for registry in REGISTRIES for entry in registry.entries()}
    files = [path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert files
    assert not [path.name for path in files if path.resolve() not in registered]


def test_few_files_lie_loose_in_the_harness() -> None:
    loose = [path.name for path in (ROOT / "bench").glob("*.py") if path.stem not in ("__init__", "__main__")]
    assert len(loose) <= 5, loose


def test_the_map_names_every_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "bench").glob("*/__init__.py")} - {"methods", "tasks"}
    harness, readme = (ROOT / "bench/__init__.py").read_text(), (ROOT / "README.md").read_text()
    assert not [folder for folder in folders if f"`{folder}`" not in harness or f"`bench/{folder}/`" not in readme]


def test_tests_stand_in_the_folders_of_what_they_test() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - {"helpers", "golden", "methods", "tasks"} <= {path.name for path in (ROOT / "bench").iterdir()}
