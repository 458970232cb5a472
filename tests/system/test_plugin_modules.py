import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.contracts.facts import MethodFacts
from bench.contracts.registration import Entry
from bench.errors import UsageError
from bench.registry import Registry, add_plugin
from bench.system.fingerprint import of_code
from bench.system.plugin_modules import load

PLUGIN = """
{}

def number():
    {}
"""
WAYS = {
    "import helper": "return helper.K",
    "import helper as other": "return other.K",
    "from helper import K": "return K",
    "from helper import *": "return K",
    "from .helper import K": "return K",
    "from . import helper": "return helper.K",
    "import tools.deep": "return tools.deep.K",
    "import tools.deep as deep": "return deep.K",
    "from tools import deep": "return deep.K",
    "from tools.deep import K": "return K",
    "from .tools.deep import K": "return K",
    "from bare.deep import K": "return K",
    "from bare import deep": "return deep.K",
    "from passing_on import K": "return K",
    "from relative import K": "return K",
    "": "import helper; return helper.K",
}
"""An import to what gives the helper's K."""


def write(folder: Path, k: int, statement: str = "import helper", use: str = "return helper.K") -> Path:
    """A plug-in's folder with helpers of all kinds, in all of which K is `k`."""
    for name in ("tools", "bare"):
        (folder / name).mkdir(parents=True)
        (folder / name / "deep.py").write_text(f"K = {k}\n")
    (folder / "tools/__init__.py").write_text("")
    (folder / "helper.py").write_text(f"K = {k}\n")
    (folder / "passing_on.py").write_text("from helper import K\n")
    (folder / "relative.py").write_text("from .passing_on import K\n")
    path = folder / "mine.py"
    path.write_text(PLUGIN.format(statement, use))
    return path


@pytest.mark.parametrize("statement", WAYS)
def test_what_lies_beside_a_plugin_is_imported_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("K = 'of the current folder'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    one, same, other = (
        write(tmp_path / name, k, statement, WAYS[statement]) for name, k in (("a", 4), ("b", 4), ("c", 64))
    )
    assert [load(path).number() for path in (one, same, other)] == [4, 4, 64]
    assert of_code([one]) == of_code([same]) != of_code([other])
    assert load(one) is load(one)
    assert "helper" not in sys.modules


def test_a_package_of_the_users_is_one_package(tmp_path: Path) -> None:
    def package(name: str, k: int) -> Path:
        folder = tmp_path / name / "mine" / "methods"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text("")
        (folder / "__init__.py").write_text("")
        (folder.parent / "shared.py").write_text(f"K = {k}\n")
        (folder / "beside.py").write_text("from mine.shared import K\n")
        (folder / "method.py").write_text(
            "from ..shared import K as one\nfrom mine.shared import K as two\nimport beside\n"
        )
        return folder / "method.py"

    first, second = package("a", 1), package("b", 2)
    for path, k in ((first, 1), (second, 2)):
        module = load(path)
        assert (module.one, module.two, module.beside.K) == (k, k, k)
    assert of_code([first]) != of_code([second])


def test_helpers_that_are_not_imported_do_not_count(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, 4) for name in ("a", "b"))
    (other.parent / "tools/deep.py").write_text("K = 5\n")
    assert of_code([one]) == of_code([other])


def test_an_edit_within_a_second_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "a", 4)
    assert load(path).number() == 4
    state = (path.parent / "helper.py").stat()
    (path.parent / "helper.py").write_text("K = 5\n")
    os.utime(path.parent / "helper.py", ns=(state.st_atime_ns, state.st_mtime_ns))
    for name in [name for name in sys.modules if name.startswith("bench_plugin_")]:
        del sys.modules[name]
    assert load(path).number() == 5


def test_the_project_itself_is_not_taken_from_beside_a_plugin(tmp_path: Path) -> None:
    path = write(tmp_path / "a", 4, "from bench.presets import PRESETS", "return len(PRESETS)")
    (path.parent / "bench").mkdir()
    (path.parent / "bench/presets.py").write_text("PRESETS = ()\n")
    assert load(path).number() > 0


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.b c", 4)
    odd = path.with_name("my-method.v2.py")
    path.rename(odd)
    assert load(odd).number() == 4


def registered(path: Path, text: str) -> Entry:
    path.write_text(f'{text}\n\n@methods.register("mine")\nclass Mine: ...\n')
    (entry,) = Registry("method", "methods", "bench/methods", MethodFacts).add_file(path)
    return entry


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('asked\\nto break')", r"RuntimeError: asked to break \(mine\.py, line 1\)"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("import tools.missing", "No module named 'tools.missing'"),
        ("import broken", "SyntaxError"),
        ("import sys\nsys.exit(0)", "SystemExit"),
        ("from bench.registry import methods\ndel methods", "NameError"),
        ("def f(): f()\nf()", "RecursionError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path / "a", 4)
    (path.parent / "broken.py").write_text("def (:\n")
    with pytest.raises(UsageError, match=reason) as raised:
        registered(path, text).load()
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "bench_plugin" not in str(raised.value)


def fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make",
    [
        fifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path.name),
        lambda path: os.truncate(path, 2**33) if path.touch() is None else None,
        lambda path: path.write_text("x = " + "(" * 5000),
        lambda path: path.write_text("x = " + "-" * 100_000 + "1"),
        lambda path: path.write_bytes(b"\x00\xff"),
        lambda path: None,
    ],
    ids=["fifo", "folder", "endless", "circle", "sparse", "brackets", "minus signs", "bytes", "missing"],
)
def test_a_plugin_that_is_no_python_file_is_one_line(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "mine.py")
    with pytest.raises(UsageError) as raised:
        add_plugin(tmp_path / "mine.py")
    assert str(tmp_path / "mine.py") in str(raised.value)
    assert "\n" not in str(raised.value)
