"""What to run: a request becomes cells with content keys. A pure function of the request and the code."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts.duties import check_class
from bench.contracts.facts import MethodFacts
from bench.contracts.registration import Entry
from bench.errors import UsageError, did_you_mean
from bench.experiment.arguments import resolve
from bench.experiment.request import Cell, Configured, Request, TokenizerPlan
from bench.presets import PRESETS, Preset
from bench.records.record import BLIND, DataUsed, MethodUsed
from bench.registry import Registry, all_metrics, datasets, methods, tasks, text_encoders
from bench.system import fingerprint
from bench.system.files import ROOT

if TYPE_CHECKING:
    from bench.contracts.method import Method

ALWAYS = "reconstruction"
"""The task every run includes: it costs seconds, and no other number can be read without PSNR and usage."""

TRAIN_CODE = (ROOT / "bench/experiment/train.py",)
ENCODE_CODE = (ROOT / "bench/experiment/encode.py",)

PRESET = "preset"
"""The name under which `--set` reaches the preset: preset.learning_rate=1e-3."""


@dataclass(frozen=True)
class _Terms:
    """What all cells of a request are run under. name: the preset's, with what was changed of it."""

    name: str
    preset: Preset
    threads: int
    devices: int

    @functools.cached_property
    def shared(self) -> str:
        """Hash of what determines a training besides method, data and seed."""
        values = dataclasses.asdict(self.preset)
        del values["head"], values["generator"], values["about"]
        return fingerprint.of_value([values, self.threads, self.devices])


@dataclass(frozen=True)
class _Mould:
    """All that the cells of one task, data set and method have in common, whatever the seed."""

    identity: str
    fields: dict[str, Any]

    def cell(self, seed: int, head_seed: int, tokenizer: TokenizerPlan | None, source: str) -> Cell:
        """The cell of a training's seed and a task's; source: what its codes come from."""
        key = fingerprint.of_value(["cell", source, self.identity, head_seed])[:20]
        return Cell(key=key, seed=seed, head_seed=head_seed, tokenizer=tokenizer, **self.fields)


def plan(request: Request, seen: Callable[[Configured], Configured] = lambda dataset: dataset) -> list[Cell]:
    """All cells of a request; those that share a tokenizer stand together, blind baselines come last.

    Args:
        request: what the user asked for.
        seen: gives what the cells see of a data set.

    Raises:
        UsageError: an unknown name or argument, a setting for a plug-in that is not in the request, or a plug-in that
            does not fulfil its contract.
    """
    terms = _terms(request)
    text_encoders.get(request.text_encoder)
    for setting in request.settings:
        if setting.name not in (*request.methods, *request.tasks, *request.datasets, ALWAYS, PRESET):
            raise UsageError(f"--set {setting.name}.{setting.argument}: {setting.name!r} is not part of this run")
    chosen_tasks = [_task(name, request) for name in dict.fromkeys((ALWAYS, *request.tasks))]
    chosen_methods = [_method(name, request) for name in dict.fromkeys(request.methods)]
    cells: list[Cell] = []
    blind: list[Cell] = []
    for dataset in [seen(_dataset(name, terms.preset, request)) for name in dict.fromkeys(request.datasets)]:
        moulds = [[_mould(task, dataset, method, terms) for task in chosen_tasks] for method in chosen_methods]
        unseeing = [_mould(task, dataset, None, terms) for task in chosen_tasks if task.entry.facts.blind]
        trained = [_tokenizer_identity(method, dataset, request, terms) for method in chosen_methods]
        for seed in dict.fromkeys(request.seeds):
            for method, identity, of_tasks in zip(chosen_methods, trained, moulds, strict=True):
                tokenizer = _tokenizer(identity, method, dataset, request, seed, terms)
                cells += [
                    mould.cell(seed, head_seed, tokenizer, tokenizer.key)
                    for mould in of_tasks
                    for head_seed in _head_seeds(mould, seed, request)
                ]
        source = fingerprint.of_value([BLIND, terms.name, dataset.content, terms.threads])
        for mould in unseeing:  # there is no training before it, so that its only seed is the task's
            heads = [head for seed in request.seeds for head in _head_seeds(mould, seed, request)]
            blind += [mould.cell(head, head, None, source) for head in dict.fromkeys(heads)]
    return cells + blind


def _head_seeds(mould: _Mould, seed: int, request: Request) -> tuple[int, ...]:
    """The task's seeds on the codes of the training with this seed. Reconstruction draws nothing, so one will do."""
    if request.head_seeds is None or mould.fields["task"].name == ALWAYS:
        return (seed,)
    return tuple(dict.fromkeys(request.head_seeds))


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UsageError: unknown, with the nearest valid name.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}{did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def loss_subsets(name: str) -> list[str]:
    """The base of a method that wraps another, and all registered variants of that method on that base.

    Raises:
        UsageError: the method wraps nothing, so it has no losses to leave out.
    """
    entry = methods.get(name)
    base = _registered(entry).wraps()
    if base is None:
        raise UsageError(f"{name!r} adds no losses to another method; ablate takes one that does, such as 'lgvq'")
    same = [other for other in methods.entries() if (other.path, other.target) == (entry.path, entry.target)]
    return [base, *(other.name for other in same if _registered(other).wraps() == base)]


def _registered(entry: Entry[MethodFacts]) -> Method:
    """The method as its registration has it."""
    return check_class(entry, all_metrics())(**entry.facts.arguments)


def _terms(request: Request) -> _Terms:
    """The preset with what `--set preset.X=VALUE` changes of it, named so that no table mixes it with the preset."""
    preset = find_preset(request.preset)
    settings = [setting for setting in request.settings if setting.name == PRESET]
    given = {field.name: getattr(preset, field.name) for field in dataclasses.fields(preset)}
    preset = Preset(**resolve(Preset, given, settings))
    changed = ", ".join(f"{setting.argument}={getattr(preset, setting.argument)}" for setting in settings)
    name = f"{request.preset} with {changed}" if changed else request.preset
    return _Terms(name, preset, request.threads or preset.threads, request.devices)


def _tokenizer_identity(method: Configured, dataset: Configured, request: Request, terms: _Terms) -> str:
    """Hash of all that determines a training besides its seed."""
    text = request.text_encoder if method.plugin.needs_text else None
    parts = [method.identity, method.code, dataset.content, terms.shared, text_identity(text), _code(TRAIN_CODE)]
    return fingerprint.of_value(parts)


def _tokenizer(
    identity: str, method: Configured, dataset: Configured, request: Request, seed: int, terms: _Terms
) -> TokenizerPlan:
    key = fingerprint.of_value(["tokenizer", identity, seed])[:20]
    codes_key = fingerprint.of_value([key, _code(ENCODE_CODE)])[:20]
    text = request.text_encoder if method.plugin.needs_text else None
    return TokenizerPlan(key, codes_key, method, dataset, terms.preset, seed, text, terms.devices)


def _mould(task: Configured, dataset: Configured, method: Configured | None, terms: _Terms) -> _Mould:
    code = [task.code, dataset.code]
    if method:
        code += [method.code, _code((*TRAIN_CODE, *ENCODE_CODE))]
    budget = terms.preset.generator if task.entry.facts.budget == "generator" else terms.preset.head
    spent = dataclasses.asdict(budget)
    fields = {
        "task": task,
        "dataset": dataset,
        "preset": terms.name,
        "budget": budget,
        "threads": terms.threads,
        "code": fingerprint.of_value(code),
        "skip": _skip(task, dataset, method),
        "protocol": task.protocol | {"head": spent},
        "method_used": _method_used(task, method),
        "data_used": _data_used(dataset),
    }
    return _Mould(fingerprint.of_value([task.name, task.arguments, task.protocol, spent, code]), fields)


def _method_used(task: Configured, method: Configured | None) -> MethodUsed:
    if method is None:
        return MethodUsed(name=BLIND, arguments={"kind": task.entry.facts.blind})
    return MethodUsed(name=method.name, arguments=method.identity, control=method.plugin.control)


def _data_used(dataset: Configured) -> DataUsed:
    """The data set without the places where it lies, which determine nothing."""
    places = {name for name, value in dataset.arguments.items() if isinstance(value, Path)} | {"root", "cache"}
    arguments = {name: value for name, value in dataset.arguments.items() if name not in places}
    return DataUsed(name=dataset.name, fingerprint=dataset.content[0], arguments=arguments, planned=arguments["limits"])


def _skip(task: Configured, dataset: Configured, method: Configured | None) -> str | None:
    """Why a cell is not run, or None; method is None for a blind baseline."""
    needs = set(task.entry.facts.needs) | ({"captions"} if method and method.plugin.needs_text else set())
    lacking = sorted(needs - set(dataset.entry.facts.offers))
    if lacking:
        return f"{dataset.name} offers no {' and no '.join(lacking)}"
    with dataset.asked("say what it lacks"):
        absent = [reason for need in sorted(needs) if (reason := dataset.plugin.lacks(need))]
    if absent:
        return "; ".join(absent)
    if method:
        with method.asked("say what is missing"):
            if missing := method.plugin.missing():
                return str(missing)
        with method.asked("say what it is unfit for"):
            if unfit := method.plugin.unfit_for(task.name):
                return str(unfit)
    with task.asked("say what it skips"):
        return task.plugin.skip(dataset.plugin, method.plugin if method else None)


def _method(name: str, request: Request) -> Configured:
    """A method; its registration gives its preset arguments, and the code of one that it wraps counts too."""
    method = _absolute(_configured(methods, name, dict(methods.get(name).facts.arguments), request))
    base = method.plugin.wraps()
    return dataclasses.replace(method, code=method.code + _code((methods.get(base).path,))) if base else method


def _absolute(plugin: Configured) -> Configured:
    """The same with absolute paths: an engine may change the folder."""
    paths = {name: value.absolute() for name, value in plugin.arguments.items() if isinstance(value, Path)}
    return dataclasses.replace(plugin, arguments=plugin.arguments | paths)


def _task(name: str, request: Request) -> Configured:
    given = {"text_encoder": request.text_encoder} if tasks.get(name).facts.reads_text else {}
    return _configured(tasks, name, given, request)


def _dataset(name: str, preset: Preset, request: Request) -> Configured:
    root = request.data_root / name if request.data_root is not None else None
    given: dict[str, Any] = {"size": preset.image_size, "limits": dict(preset.limits), "root": root}
    if datasets.get(name).facts.reads_files:
        given["cache"] = request.cache
    return _absolute(_configured(datasets, name, given, request))


def _configured(registry: Registry[Any], name: str, given: dict[str, Any], request: Request) -> Configured:
    entry = registry.get(name)
    settings = [setting for setting in request.settings if setting.name == name]
    plugin = check_class(entry, all_metrics())
    return Configured(entry, resolve(plugin, given, settings), _code((entry.path,)))


@functools.cache
def _code(files: tuple[Path, ...]) -> str:
    """Fingerprint of files and all that they import; files do not change while a request is planned."""
    return fingerprint.of_code(files)


def text_identity(name: str | None) -> list[str] | None:
    """Identity of the features a text encoder gives: its weights and the code around them."""
    if name is None:
        return None
    from bench.text.load import load_text_encoder  # brings torch; only methods that read text need it

    return [load_text_encoder(name).fingerprint(), _code((text_encoders.get(name).path,))]
