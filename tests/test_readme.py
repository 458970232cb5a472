"""The README's method is complete, and its commands work as written."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.records.store import RecordStore
from bench.system.files import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_method_in_the_readme_is_an_example_that_is_tested() -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    assert code[1] == (ROOT / "examples/method.py").read_text(encoding="utf-8")


def test_the_command_below_it_runs(bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    command = re.search(r"^python -m bench (run --methods my-rotation .*?)$", README, re.MULTILINE)
    assert command is not None
    words = [word for word in shlex.split(command[1]) if word not in ("--plugin", "examples/method.py")]
    ran = bench(*words, "--engine", "serial", plugin=ROOT / "examples/method.py")
    assert ran.returncode == 0, ran.stderr
    records = RecordStore(tmp_path / "results").all().records
    rotated = [record for record in records if record.method.name == "my-rotation"]
    assert {(record.task, record.status) for record in rotated} == {("reconstruction", "ok"), ("vqa", "ok")}
    assert rotated[0].method.arguments == {"codes": None}


def test_every_command_of_the_readme_exists(bench: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for name in set(re.findall(r"^python -m bench (\w+)", README, re.MULTILINE)):
        assert bench(name, "--help").returncode == 0, name
