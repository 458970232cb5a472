from pathlib import Path

import pytest

from bench import fingerprint
from bench.fingerprint import of_code, of_value
from bench.registry import ROOT


def code(path: Path, text: str) -> str:
    path.write_text(text)
    fingerprint._read.cache_clear()
    return of_code([path])


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    plain = code(path, "def f(x):\n    return x + 1\n")
    assert code(path, '"""Module."""\n\n\ndef f( x ):\n    """Add."""\n    # why\n    return (x + 1)\n') == plain


@pytest.mark.parametrize("text", ["def f(x):\n    return x + 2\n", "def f(x, y=1):\n    return x + 1\n", "f = 'x'\n"])
def test_code_counts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plugin.py"
    assert code(path, "def f(x):\n    return x + 1\n") != code(path, text)


def test_true_and_one_differ(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    assert len({code(path, f"x = {value}\n") for value in ("True", "1", "1.0", "'1'", "b'1'")}) == 5


def test_imported_project_modules_count(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    alone = code(path, "x = 1\n")
    assert code(path, "from bench.codes import lookup\nx = 1\n") != alone
    read = fingerprint._read(path)
    assert ROOT / "bench/codes.py" in read[1]
    assert all(found != ROOT / "bench/registry.py" for found in read[1])


def test_values_are_hashed_whatever_the_order_of_keys() -> None:
    assert of_value({"a": 1, "b": [1.5, None]}) == of_value({"b": [1.5, None], "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        of_value(float("nan"))
