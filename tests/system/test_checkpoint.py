from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from helpers.disks import fill_up, small_disk

from bench.system.checkpoint import Checkpoint


class Surprise:
    """Code that a checkpoint must not run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("surprise",)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "checkpoint", 10)


def only_file(checkpoint: Checkpoint) -> Path:
    (path,) = checkpoint.folder.iterdir()
    return path


def test_what_was_saved_last_is_loaded_and_nothing_else_stays(checkpoint: Checkpoint) -> None:
    assert checkpoint.load() is None
    for step in range(3):
        checkpoint.save({"step": step, "weights": {"bias": torch.full((2, 3), step)}, "none": None, "pair": (1, "two")})
    only_file(checkpoint)
    state = Checkpoint(checkpoint.folder, 10).load()
    assert state is not None
    assert torch.equal(state["weights"].pop("bias"), torch.full((2, 3), 2))
    assert state == {"step": 2, "weights": {}, "none": None, "pair": (1, "two")}


def test_a_file_can_be_read_without_this_project(checkpoint: Checkpoint) -> None:
    checkpoint.save({"step": 4})
    assert torch.load(only_file(checkpoint), weights_only=True) == {"step": 4}


@pytest.mark.parametrize("harm", [lambda data: data[:-9], lambda data: data[:40] + b"?" + data[41:], lambda data: b""])
def test_a_damaged_state_is_dropped_for_the_one_before_it(
    harm: object, checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint.save({"step": 1})
    first = only_file(checkpoint)
    kept = first.read_bytes()
    checkpoint.save({"step": 2})
    second = only_file(checkpoint)
    first.write_bytes(kept)  # killed before the older one was removed
    assert callable(harm)
    second.write_bytes(harm(second.read_bytes()))
    assert checkpoint.load() == {"step": 1}
    assert capsys.readouterr().err == f"{second} is dropped: it is not what was written\n"
    assert only_file(checkpoint) == first


def test_no_code_is_run(checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.save({"step": Surprise()})
    assert checkpoint.load() is None
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "is dropped" in captured.err
    assert not list(checkpoint.folder.iterdir())


def test_a_full_disk_is_one_line_and_the_last_state_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk") as disk:
        checkpoint = Checkpoint(disk / "checkpoint", 0)
        checkpoint.save({"step": 1})
        filler = fill_up(disk, 20_000)
        checkpoint.save({"step": 2, "weights": torch.zeros(10_000)})
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert "the training goes on" in line
        assert os.strerror(errno.ENOSPC) in line
        assert checkpoint.load() == {"step": 1}
        only_file(checkpoint)
        filler.unlink()
        checkpoint.save({"step": 3})
        assert checkpoint.load() == {"step": 3}


def test_what_the_machine_fails_to_read_stays(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save({"step": 1})

    def no_memory(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    with monkeypatch.context() as broken:
        broken.setattr(torch, "load", no_memory)
        with pytest.raises(RuntimeError, match="can't allocate"):
            checkpoint.load()
    assert checkpoint.load() == {"step": 1}


def test_networks_by_name_lie_apart_and_go_with_the_whole(checkpoint: Checkpoint) -> None:
    checkpoint.save({"of": "all"})
    checkpoint.named("probe").save({"of": "probe"})
    assert checkpoint.load() == {"of": "all"}
    assert checkpoint.named("probe").load() == {"of": "probe"}
    assert checkpoint.named("other").load() is None
    checkpoint.clear()
    assert not checkpoint.folder.exists()
    assert not list(checkpoint.folder.parent.iterdir())
    checkpoint.clear()
    for name in ("..", "a/b", "/etc", ""):
        with pytest.raises(ValueError, match="no name"):
            checkpoint.named(name)


def test_it_is_time_so_many_minutes_after_the_last_save(tmp_path: Path) -> None:
    often = Checkpoint(tmp_path, 0)
    often.save({})
    assert often.due()
    seldom = Checkpoint(tmp_path, 1)
    assert not seldom.due()
    seldom._since -= 61
    assert seldom.due()
    seldom.save({})
    assert not seldom.due()
