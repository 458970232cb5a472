import json
from pathlib import Path

import pytest

from bench.cli import doctor
from bench.errors import DataError


def test_a_cache_that_can_be_shared_and_one_that_cannot(tmp_path: Path) -> None:
    found = doctor._locks(tmp_path / "not" / "there yet")
    assert found.state == "ok"
    assert str(tmp_path) in found.text
    assert not list(tmp_path.iterdir())
    found = doctor._locks(Path("/proc/cache"))
    assert found.state == "missing"
    assert "--cache" in found.text


def test_ray_is_started_and_not_only_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    found = doctor._ray()
    assert found.state == "ok"
    assert "starts here" in found.text


@pytest.mark.parametrize("error", [DataError("weights are missing"), ZeroDivisionError("division by zero")])
def test_one_thing_that_is_broken_hides_no_other(error: Exception) -> None:
    def look() -> str:
        raise error

    found = doctor._looked_at("extractor theirs", look)
    assert found.state == "missing"
    assert str(error) in found.text


def test_every_finding_is_a_line_and_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_ray", lambda: doctor.Finding("ray", "ok", "\x1b[31m\nred"))
    monkeypatch.chdir(tmp_path)
    lines = doctor.as_text().splitlines()
    names = {finding["name"] for finding in json.loads(doctor.as_json())}
    assert len(lines) == len(names)
    assert {"cache", "ray", "wordnet", "lpips_alex", "extractor tinyclip"} <= names
    assert all(line.isprintable() for line in lines)
    assert not list(tmp_path.iterdir())
