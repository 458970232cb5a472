import os
import pwd
import subprocess
import sys

import pytest

from bench.system.files import ROOT
from bench.system.start import prepare

NAMES = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container runs a user of whom the system knows a number alone."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # both are put back
    monkeypatch.setattr(sys, "stderr", sys.stderr)


def test_a_user_without_a_home_and_a_name_gets_both(nobody: None) -> None:
    try:
        prepare()
        given = {name: os.environ[name] for name in NAMES if name in os.environ}
        assert given == {"HOME": "/nonexistent", "USER": f"uid{os.getuid()}"}
        packages = "import getpass, pathlib, nltk, torch; getpass.getuser(); pathlib.Path.home()"
        unknown = "import pwd\ndef f(n): raise KeyError(n)\npwd.getpwuid = f\n"
        subprocess.run([sys.executable, "-c", unknown + packages], check=True, cwd=ROOT, timeout=60)
    finally:
        for name in ("HOME", "USER"):
            os.environ.pop(name, None)


def test_others_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setenv("HOME", "/some/where/else")
    monkeypatch.setenv("USER", "somebody")
    prepare()
    assert (os.environ["HOME"], os.environ["USER"]) == ("/some/where/else", "somebody")
