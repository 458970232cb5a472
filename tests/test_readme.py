"""The README's method is complete, and its command works as written."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.records.store import RecordStore
from bench.system.files import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_method_in_the_readme_runs(bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    command = re.search(r"```\npython -m bench (run --methods vq-sampling .*?)\n```", README)
    assert command is not None
    (tmp_path / "sampling.py").write_text(code[1])
    words = [word for word in shlex.split(command[1]) if word not in ("--plugin", "sampling.py")]
    ran = bench(*words, "--engine", "serial", plugin=tmp_path / "sampling.py")
    assert ran.returncode == 0, ran.stderr
    found = RecordStore(tmp_path / "results").all().records
    sampled = [record for record in found if record.method.name == "vq-sampling"]
    assert {(record.task, record.status) for record in sampled} == {("reconstruction", "ok"), ("vqa", "ok")}
    assert sampled[0].method.arguments == {"temperature": 0.1}


def test_every_command_of_the_readme_exists(bench: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for name in set(re.findall(r"^python -m bench (\w+)", README, re.MULTILINE)):
        assert bench(name, "--help").returncode == 0, name
