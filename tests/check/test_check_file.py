"""A file is checked whole: what it registers, every plug-in in it, and a last line with the counts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.check import check_file

SOUND = Path(__file__).with_name("sound_plugin.py")
METHOD = '''
from dataclasses import dataclass
from bench.contracts.method import Method
from bench.registry import methods

@methods.register("unbuilt")
@dataclass(frozen=True)
class Unbuilt(Method):
    """Cannot be built."""

    def build(self, preset, dataset, text):
        size = preset.image_size
        raise RuntimeError(f"no network\\nfor {size} pixels")
'''


@pytest.mark.usefixtures("registries")
def test_a_sound_file_has_a_line_for_each_duty_and_one_with_their_number() -> None:
    report = check_file(SOUND)
    assert report.sound, report.lines
    *lines, last = report.lines
    for plugin in ("method", "task", "data set", "feature extractor", "text encoder"):
        assert any(line.startswith(f"ok    {plugin} ") for line in lines)
    assert "ok    method sound: builds at preset smoke (4 parameters)" in lines
    kept = sum(line.startswith("ok    ") for line in lines)
    assert last == f"{kept} ok, 0 failed, {len(lines) - kept} skipped: sound_plugin.py keeps its contract"


@pytest.mark.usefixtures("registries")
def test_a_broken_file_is_not_sound_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "unbuilt_plugin.py").write_text(METHOD)
    report = check_file(tmp_path / "unbuilt_plugin.py")
    assert not report.sound
    assert report.lines[3:] == [
        "FAIL  method unbuilt: builds at preset smoke: RuntimeError: no network for 32 pixels "
        "(unbuilt_plugin.py, line 13)",
        "skip  method unbuilt: 12 more duties, which need this one",
        "3 ok, 1 failed, 1 skipped: unbuilt_plugin.py does not keep its contract",
    ]


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", "cannot read plug-in"),
        ("x = 1\n", "registers nothing: no class or function is decorated with one of @methods.register"),
        (METHOD.replace('"unbuilt"', '"vqgan"'), "the method name 'vqgan' is taken by"),
        (METHOD.replace('"unbuilt"', '"unbuilt", codes=3'), "has an unknown fact 'codes'"),
    ],
)
def test_what_cannot_be_registered_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    line, last = check_file(tmp_path / "odd.py").lines
    assert line.startswith("FAIL  ")
    assert words in line
    assert last == "0 ok, 1 failed, 0 skipped: odd.py does not keep its contract"


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    report = check_file(tmp_path / "nowhere.py")
    assert not report.sound
    assert "cannot read plug-in" in report.lines[0]


@pytest.mark.usefixtures("registries")
def test_checking_leaves_the_process_as_it_was() -> None:
    threads, states = torch.get_num_threads(), (torch.get_rng_state(), np.random.get_state()[1], random.getstate())
    check_file(SOUND)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]
