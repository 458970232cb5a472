from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench import registry
from bench.check.file import CHECKS
from bench.check.report import Line
from bench.check.samples import Place

SOUND = Path(__file__).with_name("sound_plugin.py")
Answers = Callable[..., list[Line]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As `check_file` has it: on a busy machine two threads wait for each other for minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def registries() -> Iterator[None]:
    """Leaves the registries as they were."""
    before = [(one, dict(one._all())) for one in registry.REGISTRIES]
    yield
    for one, entries in before:
        one._entries = entries


@pytest.fixture
def answers(registries: None, tmp_path: Path) -> Answers:
    """Ask one plug-in of the sound file all its duties, after edits (old text, new text) to the file."""

    def ask(kind: str, name: str, *edits: tuple[str, str]) -> list[Line]:
        text = SOUND.read_text()
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / f"edited_{abs(hash(text))}.py"
        path.write_text(text)
        registry.add_plugin(path)
        (entry,) = [entry for one in registry.REGISTRIES if one.kind == kind for entry in one.entries()
                    if entry.name == name]  # fmt: skip
        return CHECKS[kind](f"{kind} {name}", entry, Place(tmp_path))

    return ask
