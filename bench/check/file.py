"""A plug-in's file against the contracts of all that it registers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from bench.check.dataset import check_dataset
from bench.check.encoders import check_extractor, check_text_encoder
from bench.check.method import check_method
from bench.check.metric import check_metric
from bench.check.report import Line, Report, one_line
from bench.check.samples import Place
from bench.check.task import check_task
from bench.contracts.registration import Entry
from bench.errors import UsageError
from bench.registry import REGISTRIES, add_plugin

Check = Callable[[str, Entry[Any], Place], list[Line]]

CHECKS: Mapping[str, Check] = {
    "method": check_method,
    "task": check_task,
    "data set": check_dataset,
    "metric": check_metric,
    "feature extractor": check_extractor,
    "text encoder": check_text_encoder,
}
"""Kind of plug-in to what asks its duties: (kind and name, entry, place) -> lines."""


def check_file(path: Path, data_root: Path | None = None) -> Report:
    """Register a file, and ask every plug-in in it for all that its contract promises.

    Everything runs on a few small images on the processor, at preset `smoke`, in a folder that is then deleted. The
    global random state of torch and the number of its threads are left as they were.

    Args:
        path: the file.
        data_root: a folder with one folder for each data set that is read from files; without it these are not read.
    """
    path = path.resolve()
    if not _registered(path):
        try:
            add_plugin(path)
        except UsageError as error:
            return Report(path, (Line("FAIL", "", one_line(error)),))
    lines: list[Line] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small lose time to a second thread
    try:
        for kind, entry in _registered(path):
            with tempfile.TemporaryDirectory() as scratch, torch.random.fork_rng(devices=[]):
                lines += CHECKS[kind](f"{kind} {entry.name}", entry, Place(Path(scratch), data_root))
    finally:
        torch.set_num_threads(threads)
    return Report(path, tuple(lines))


def _registered(path: Path) -> list[tuple[str, Entry[Any]]]:
    """The plug-ins of a file with their kinds, if it is known: one of the project's own, or one registered before."""
    return [(registry.kind, entry) for registry in REGISTRIES for entry in registry.entries() if entry.path == path]
