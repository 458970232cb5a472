"""What to run: a request becomes cells with content keys. A pure function of the request and the code."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import DataError, UsageError
from bench.experiment.arguments import Setting, resolve
from bench.presets import PRESETS, Budget, Preset
from bench.registry import ROOT, Entry, Registry, datasets, did_you_mean, methods, tasks, text_encoders
from bench.system import fingerprint

BLIND = "blind"
"""The method name under which a task's trivial baseline is recorded."""

ALWAYS = "reconstruction"
"""The task every run includes: it costs seconds, and no other number can be read without PSNR and usage."""

TRAIN_CODE = (ROOT / "bench/experiment/train.py",)
ENCODE_CODE = (ROOT / "bench/experiment/encode.py",)


@dataclass(frozen=True)
class Request:
    """What the user asked for. data_root holds one folder for each data set that is not built in.

    cache: where data sets read from files keep what they know of them.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    datasets: tuple[str, ...] = ("emoji-scenes",)
    preset: str = "tiny"
    seeds: tuple[int, ...] = (0,)
    text_encoder: str = "tiny-clip"
    data_root: Path | None = None
    cache: Path | None = None
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Plugin:
    """A plug-in with the arguments it is made with. code is the fingerprint of its file and all it imports."""

    entry: Entry
    arguments: dict[str, Any]
    code: str

    @property
    def name(self) -> str:
        """The registered name."""
        return self.entry.name

    def make(self) -> Any:
        """The plug-in's object."""
        return self.entry.load()(**self.arguments)

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """The arguments as keys and records hold them: a file by its name and content, wherever it lies.

        Raises:
            DataError: a file cannot be read.
        """
        return {name: _file(value) if isinstance(value, Path) else value for name, value in self.arguments.items()}

    @functools.cached_property
    def content(self) -> list[str]:
        """Identity of a data set's content: its own fingerprint and that of the code that prepares it.

        Raises:
            DataError: its files are missing.
        """
        return [self.make().fingerprint(), self.code]


@dataclass(frozen=True)
class Training:
    """One tokenizer to train, shared by the cells of one method, data set and seed. key names its cache folder."""

    key: str
    method: Plugin
    dataset: Plugin
    preset: str
    seed: int
    text_encoder: str | None


@dataclass(frozen=True)
class Cell:
    """One outcome to produce. training is None for a task's blind baseline; skip says why nothing will run."""

    key: str
    training: Training | None
    task: Plugin
    dataset: Plugin
    preset: str
    seed: int
    code: str
    skip: str | None

    @property
    def method(self) -> str:
        """The method's name, or `BLIND`."""
        return self.training.method.name if self.training else BLIND


def plan(request: Request) -> list[Cell]:
    """All cells of a request; those that share a tokenizer stand together, blind baselines come last.

    Raises:
        UsageError: an unknown name or argument, or a setting for a plug-in that is not in the request.
    """
    preset = find_preset(request.preset)
    text_encoders.get(request.text_encoder)
    for setting in request.settings:
        if setting.name not in (*request.methods, *request.tasks, *request.datasets, ALWAYS):
            raise UsageError(f"--set {setting.name}.{setting.argument}: {setting.name!r} is not part of this run")
    chosen_tasks = [_task(name, request) for name in dict.fromkeys((ALWAYS, *request.tasks))]
    chosen_methods = [_method(name, request) for name in dict.fromkeys(request.methods)]
    cells: list[Cell] = []
    blind: list[Cell] = []
    for dataset in [_dataset(name, preset, request) for name in dict.fromkeys(request.datasets)]:
        for seed in dict.fromkeys(request.seeds):
            for method in chosen_methods:
                training = _training(method, dataset, request, seed)
                cells += [_cell(task, dataset, request, seed, training) for task in chosen_tasks]
            blind += [_cell(task, dataset, request, seed, None) for task in chosen_tasks if "blind" in task.entry.facts]
    return cells + blind


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UsageError: unknown, with the nearest valid name.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}{did_you_mean(name, list(PRESETS))}")
    return PRESETS[name]


def loss_subsets(name: str) -> list[str]:
    """The base of a method that wraps another, and all registered variants of that method on that base.

    Raises:
        UsageError: the method wraps nothing, so it has no losses to leave out.
    """
    entry = methods.get(name)
    base = entry.load()(**entry.facts).__dict__.get("base")
    if base is None:
        raise UsageError(f"{name!r} adds no losses to another method; ablate takes one that does, such as 'lgvq'")
    same = [other for other in methods.entries() if (other.path, other.target) == (entry.path, entry.target)]
    return [base, *(other.name for other in same if other.load()(**other.facts).base == base)]


def groups(cells: list[Cell]) -> list[list[Cell]]:
    """Cells that can run apart from each other: one group a tokenizer, one for each blind baseline."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.training.key if cell.training else cell.key, []).append(cell)
    return list(found.values())


def _training(method: Plugin, dataset: Plugin, request: Request, seed: int) -> Training:
    shared = dataclasses.asdict(PRESETS[request.preset])
    del shared["head"], shared["generator"], shared["about"]
    text = request.text_encoder if method.make().needs_text else None
    identity = [method.identity, method.code, dataset.content, shared, seed, text_identity(text)]
    key = fingerprint.of_value(["tokenizer", identity, fingerprint.of_code(TRAIN_CODE)])[:20]
    return Training(key, method, dataset, request.preset, seed, text)


def _cell(task: Plugin, dataset: Plugin, request: Request, seed: int, training: Training | None) -> Cell:
    made = task.make()
    source = training.key if training else [BLIND, request.preset, dataset.content, seed]
    code = [task.code, dataset.code]
    if training:
        code += [training.method.code, fingerprint.of_code((*TRAIN_CODE, *ENCODE_CODE))]
    head = dataclasses.asdict(budget_of(task, request.preset))
    key = fingerprint.of_value(["cell", source, task.name, task.arguments, dict(made.protocol()), head, code])[:20]
    skip = _skip(task, dataset, training.method.make() if training else None)
    return Cell(key, training, task, dataset, request.preset, seed, fingerprint.of_value(code), skip)


def _skip(task: Plugin, dataset: Plugin, method: Any) -> str | None:
    """Why a cell is not run, or None. method: its object, None for a blind baseline."""
    needs = set(task.entry.facts["needs"]) | ({"captions"} if getattr(method, "needs_text", False) else set())
    lacking = sorted(needs - set(dataset.entry.facts["offers"]))
    if lacking:
        return f"{dataset.name} offers no {' and no '.join(lacking)}"
    made = dataset.make()
    absent = [reason for need in sorted(needs) if hasattr(made, "lacks") and (reason := made.lacks(need))]
    if absent:
        return "; ".join(absent)
    missing: str | None = method.missing() if hasattr(method, "missing") else None
    return missing or task.make().skip(dataset.make(), method)


def _method(name: str, request: Request) -> Plugin:
    """A method; the facts of its registration are its preset arguments, and a wrapped one's code counts too."""
    plugin = _absolute(_plugin(methods, name, methods.get(name).facts, request))
    base = plugin.arguments.get("base")
    return dataclasses.replace(plugin, code=plugin.code + methods_code(base)) if base else plugin


def _absolute(plugin: Plugin) -> Plugin:
    """The same with absolute paths: an engine may change the folder."""
    paths = {name: value.absolute() for name, value in plugin.arguments.items() if isinstance(value, Path)}
    return dataclasses.replace(plugin, arguments=plugin.arguments | paths)


def budget_of(task: Plugin, preset: str) -> Budget:
    """What the task's network may spend under a preset."""
    found: Budget = getattr(PRESETS[preset], task.entry.facts.get("budget", "head"))
    return found


def methods_code(name: str) -> str:
    """Fingerprint of a method's file and all it imports."""
    return fingerprint.of_code([methods.get(name).path])


def _task(name: str, request: Request) -> Plugin:
    given = {"text_encoder": request.text_encoder} if tasks.get(name).facts.get("reads_text") else {}
    return _plugin(tasks, name, given, request)


def _dataset(name: str, preset: Preset, request: Request) -> Plugin:
    root = request.data_root / name if request.data_root is not None else None
    given: dict[str, Any] = {"size": preset.image_size, "limits": dict(preset.limits), "root": root}
    if datasets.get(name).facts.get("reads_files"):
        given["cache"] = request.cache
    return _absolute(_plugin(datasets, name, given, request))


def _plugin(registry: Registry, name: str, given: dict[str, Any], request: Request) -> Plugin:
    entry = registry.get(name)
    settings = [setting for setting in request.settings if setting.name == name]
    return Plugin(entry, resolve(entry.load(), given, settings), fingerprint.of_code([entry.path]))


def _file(path: Path) -> dict[str, str]:
    """A file's name and sha256."""
    try:
        with path.open("rb") as file:
            return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def text_identity(name: str | None) -> list[str] | None:
    """Identity of the features a text encoder gives: its weights and the code around them."""
    if name is None:
        return None
    from bench.text import load_text_encoder  # brings torch; only methods that read text need it

    return [load_text_encoder(name).fingerprint(), fingerprint.of_code([text_encoders.get(name).path])]
