import re
from pathlib import Path

import pytest

from bench.errors import DataError
from bench.features.weights import hub_path, in_hub

URL = "https://elsewhere/v1/net.pth"


def advice() -> str:
    with pytest.raises(DataError, match=r"net\.pth is missing") as raised:
        in_hub(URL, "00")
    return str(raised.value)


@pytest.fixture(autouse=True)
def _default_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


def test_the_command_writes_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for home in (tmp_path, Path("/"), tmp_path / "not there yet"):
        monkeypatch.setenv("HOME", str(home))
        found = re.search(r"curl -L --create-dirs -o ~/(\S+) " + URL, advice())
        assert found
        assert home / found[1] == hub_path(URL)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    assert f"-o {tmp_path}/elsewhere/hub/checkpoints/net.pth {URL}" in advice()


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/below"])
def test_where_nothing_can_be_written_another_place_is_asked_for(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    assert "set TORCH_HOME to a folder that you can write to; curl" in advice()
    assert f"-o $TORCH_HOME/hub/checkpoints/net.pth {URL}" in advice()
    assert home not in advice()
