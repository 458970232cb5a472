"""The graph of stages: prepare data, train, encode, and one job for each cell; nothing in it twice.

A job needs others to be done before it and can run in any process that sees the cache. What it makes lies in the cache
or the results, so a job that somebody else has done meanwhile is simply done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.experiment.request import Cell, TokenizerPlan
from bench.system.fingerprint import of_value

Stage = Literal["data", "text", "training", "codes", "cell"]


@dataclass(frozen=True)
class Due:
    """A cell to record. replaces: when the record was made that it takes the place of, if there is one."""

    key: str
    replaces: str | None


@dataclass(frozen=True)
class Job:
    """A piece of work for one process.

    key: also the name of its claim. cell: whose data set and tokenizer it is for. due: the cells that make it worth
    while (none: it is done in any case). needs: keys of the jobs before it. threads, devices: what
    it takes up. gpu: the share of one GPU, where it takes one. reads: what the jobs before it leave in the cache.
    """

    key: str
    stage: Stage
    label: str
    cell: Cell
    due: tuple[Due, ...] = ()
    needs: tuple[str, ...] = ()
    threads: int = 1
    devices: int = 1
    gpu: float = 1.0
    reads: tuple[Path, ...] = ()


def graph(cells: Iterable[Cell], replaced: Mapping[str, str], cache: Path) -> dict[str, Job]:
    """The jobs of these cells by key, each behind those that it needs.

    Args:
        cells: those to run; cells with a reason to skip have no job.
        replaced: key of a cell to the time of the record that will be replaced.
        cache: what is in it already needs no job. Whether it is sound is seen when it is read.
    """
    jobs: dict[str, Job] = {}
    of_tokenizer: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.skip:
            continue
        if cell.tokenizer is not None:
            of_tokenizer.setdefault(cell.tokenizer.key, []).append(cell)
        else:
            _add(jobs, _cell(cell, (_data(jobs, cell),), replaced, ()))
    for group in of_tokenizer.values():
        ready = _codes(jobs, group, replaced, cache)
        plan = group[0].tokenizer
        assert plan is not None
        for cell in group:
            _add(jobs, _cell(cell, ready, replaced, (tokenizer_folder(plan, cache), codes_folder(plan, cache))))
    return jobs


def codes_folder(plan: TokenizerPlan, cache: Path) -> Path:
    """Where the codes of a tokenizer's splits lie."""
    return cache / "codes" / plan.codes_key


def tokenizer_folder(plan: TokenizerPlan, cache: Path) -> Path:
    """Where a trained tokenizer lies."""
    return cache / "tokenizers" / plan.key


def _add(jobs: dict[str, Job], job: Job) -> str:
    jobs.setdefault(job.key, job)
    return job.key


def _cell(cell: Cell, needs: tuple[str, ...], replaced: Mapping[str, str], reads: tuple[Path, ...]) -> Job:
    label = f"{cell.method} {cell.task.name} {cell.seeds}"
    due = (Due(cell.key, replaced.get(cell.key)),)
    return Job(f"cell-{cell.key}", "cell", label, cell, due, needs, cell.threads, reads=reads)


def _data(jobs: dict[str, Job], cell: Cell) -> str:
    key = f"data-{of_value(cell.dataset.content)[:20]}"
    return _add(jobs, Job(key, "data", cell.dataset.name, cell, threads=cell.threads))


def _codes(jobs: dict[str, Job], group: list[Cell], replaced: Mapping[str, str], cache: Path) -> tuple[str, ...]:
    """The job that a tokenizer's cells wait for, with those before it."""
    cell, plan = group[0], group[0].tokenizer
    assert plan is not None
    due = tuple(Due(cell.key, replaced.get(cell.key)) for cell in group)
    before = [_data(jobs, cell)]
    if all((codes_folder(plan, cache) / split).exists() for split in cell.dataset.plugin.splits):
        return tuple(before)
    label = f"{cell.method} seed {cell.seed}"
    if not tokenizer_folder(plan, cache).exists():
        if plan.text_encoder is not None:
            key = f"text-{of_value([cell.dataset.content, plan.text_encoder])[:20]}"
            text = f"captions of {cell.dataset.name}"
            before.append(_add(jobs, Job(key, "text", text, cell, needs=(before[0],), threads=cell.threads)))
        training = Job(f"training-{plan.key}", "training", label, cell, due, tuple(before), cell.threads, plan.devices)
        before = [_add(jobs, training)]
    reads = (tokenizer_folder(plan, cache),)
    codes = Job(f"codes-{plan.codes_key}", "codes", label, cell, due, tuple(before), cell.threads, reads=reads)
    return (_add(jobs, codes),)
