from __future__ import annotations

import io
import sys

import pytest
from tqdm import tqdm

from bench.system.progress import reporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_bar_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    before = len(tqdm._instances)
    report = reporter("lgvq")
    report(5, 10, "train")
    report(1, 4, "encode")  # the training ended early
    assert len(tqdm._instances) == before + 1
    report(4, 4, "encode")
    assert len(tqdm._instances) == before
    assert "lgvq: train" in screen.getvalue()
    assert "lgvq: encode" in screen.getvalue()


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report = reporter("lgvq")
    report(1, 10, "train")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("bench.system.progress.LINE_EVERY", 0.0)
    report(2, 10, "train")
    assert capsys.readouterr().err == "lgvq: train 2/10\n"
