import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.registry import methods, tasks
from bench.system.files import ROOT
from bench.system.fingerprint import imported_files, of_code, of_value

NUMBER = itertools.count()


def code(folder: Path, text: str) -> str:
    """Of a file with this text; each call writes another file, since fingerprints are kept by path."""
    path = folder / f"plugin{next(NUMBER)}.py"
    path.write_text(text)
    return of_code([path])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's code in another folder."""
    for folder in ("bench", "methods", "tasks"):
        leave_out = shutil.ignore_patterns("__pycache__", "*.safetensors")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=leave_out)
    return tmp_path


def rename(copy: Path, old: str, new: str) -> None:
    """Rename a module, and every mention of it in imports and code."""
    before, after = (copy / f"{name.replace('.', '/')}.py" for name in (old, new))
    after.parent.mkdir(exist_ok=True)
    before.rename(after)
    (package, _, name), (other, _, other_name) = old.rpartition("."), new.rpartition(".")
    for path in copy.rglob("*.py"):
        text = path.read_text()
        changed = text.replace(f"from {old} import", f"from {new} import")
        taken = re.search(rf"^from {package} import ([\w, ]*\b{name}\b[\w, ]*)$", changed, re.MULTILINE)
        if taken:
            rest = [other for other in taken[1].split(", ") if other != name]
            lines = [
                f"from {other} import {other_name}",
                *([f"from {package} import {', '.join(rest)}"] if rest else []),
            ]
            changed = changed.replace(taken[0], "\n".join(lines))
            changed = re.sub(rf"(?<![\w.\"]){name}\.(?=\w)", f"{other_name}.", changed)
        if changed != text:
            path.write_text(changed)


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    plain = code(tmp_path, "def f(x):\n    return x + 1\n")
    assert code(tmp_path, '"""Module."""\n\n\ndef f( x ):\n    """Add."""\n    # why\n    return (x + 1)\n') == plain


@pytest.mark.parametrize("text", ["def f(x):\n    return x + 2\n", "def f(x, y=1):\n    return x + 1\n", "f = 'x'\n"])
def test_code_counts(tmp_path: Path, text: str) -> None:
    assert code(tmp_path, "def f(x):\n    return x + 1\n") != code(tmp_path, text)


def test_true_and_one_differ(tmp_path: Path) -> None:
    assert len({code(tmp_path, f"x = {value}\n") for value in ("True", "1", "1.0", "'1'", "b'1'")}) == 5


def test_imported_project_modules_count(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("from bench.contracts.codes import lookup\nfrom bench.registry import methods\nx = 1\n")
    assert of_code([path]) != code(tmp_path, "x = 1\n")
    assert imported_files(path) == (ROOT / "bench/contracts/codes.py",)


def test_renaming_and_moving_a_helper_changes_no_fingerprint(copy: Path) -> None:
    own = [entry for entry in (*methods.entries(), *tasks.entries()) if not entry.from_outside]
    files = sorted({entry.path.relative_to(ROOT) for entry in own if "tests" not in entry.path.parts})
    for old, new in {
        "bench.system.files": "bench.system.whole_files",
        "bench.tasks.parts.language.vocabulary": "bench.tasks.words.plain_vocabulary",
        "bench.metrics.boxes": "bench.metrics.places",
        "bench.tasks.parts.networks.head": "bench.tasks.words.code_head",
    }.items():
        rename(copy, old, new)
    for path in files:
        assert of_code([copy / path], copy) == of_code([ROOT / path]), path


def test_renaming_a_helper_changes_no_key(copy: Path) -> None:
    command = [sys.executable, "-m", "bench", "run", "--methods", "vqgan,lgvq", "--tasks", "captioning,grounding"]
    command += ["--dry-run", "--json", "--preset", "smoke"]

    def keys() -> list[str]:
        found = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120)
        assert found.returncode == 0, found.stderr
        return [row["key"] for row in json.loads(found.stdout)]

    for weights in (ROOT / "bench/text/weights").iterdir():
        shutil.copy(weights, copy / "bench/text/weights")
    before = keys()
    rename(copy, "bench.system.files", "bench.system.whole_files")
    rename(copy, "bench.tasks.parts.networks.transformer", "bench.nn.attention")
    assert keys() == before
    (copy / "bench/system/whole_files.py").write_text(
        (copy / "bench/system/whole_files.py").read_text() + "\nMORE = 1\n"
    )
    assert not set(keys()) & set(before)


def test_an_import_taken_from_another_file_counts(tmp_path: Path) -> None:
    both = "from bench.images import to_float as {a}\nfrom bench.contracts.codes import lookup as {b}\nx = {used}(1)\n"
    plain = code(tmp_path, both.format(a="one", b="two", used="one"))
    assert code(tmp_path, both.format(a="one", b="two", used="two")) != plain
    assert code(tmp_path, both.format(a="two", b="one", used="two")) == plain, "only spelled otherwise"
    assert code(tmp_path, "from bench.images import to_uint8\nx = to_uint8(1)\n") != code(
        tmp_path, "from bench.images import to_float\nx = to_float(1)\n"
    )


def test_swapping_an_import_between_files_that_are_both_in_use_counts(copy: Path) -> None:
    for name, value in (("one", 1), ("two", 2)):
        (copy / f"bench/{name}.py").write_text(f"def scale(x):\n    return x * {value}\n")
    text = "from bench import one, two\nfrom bench.{} import scale\n\n\ndef f(x):\n    return scale(x), one, two\n"
    path, other = copy / "tasks/first.py", copy / "tasks/second.py"
    path.write_text(text.format("one"))
    other.write_text(text.format("two"))
    assert of_code([path], copy) != of_code([other], copy)


def test_files_that_import_each_other_have_a_fingerprint(copy: Path) -> None:
    (copy / "bench/one.py").write_text("def f(x):\n    from bench.two import g\n    return g(x)\n")
    (copy / "bench/two.py").write_text("def g(x):\n    from bench.one import f\n    return f(x)\n")
    assert len({of_code([copy / f"bench/{name}.py"], copy) for name in ("one", "two")}) == 1


def test_values_are_hashed_whatever_the_order_of_keys() -> None:
    assert of_value({"a": 1, "b": [1.5, None]}) == of_value({"b": [1.5, None], "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        of_value(float("nan"))
