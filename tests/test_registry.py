import subprocess
import sys
from pathlib import Path

import pytest
from helpers import TOY

from bench import registry
from bench.contracts.facts import MethodFacts
from bench.errors import UsageError
from bench.registry import Registry, metric_of


def fresh(kind: str, variable: str, folder: str) -> Registry[MethodFacts]:
    return Registry(kind, variable, folder, MethodFacts)


def test_names_facts_and_docstring_come_from_the_syntax_tree() -> None:
    methods = fresh("method", "methods", "methods")
    methods.add_file(TOY)
    assert methods.get("toy-16").facts.arguments == {"codes": 16}
    assert methods.get("toy").about == "Grey levels of patches."
    assert methods.get("toy-16").load()(codes=16).codes == 16


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'vqgan'"):
        registry.methods.get("vqgna")


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    twin = tmp_path / "twin.py"
    twin.write_text("@methods.register('vqgan')\nclass Twin: ...\n")
    with pytest.raises(UsageError, match="is taken by"):
        fresh("method", "methods", "methods").add_file(twin)


@pytest.mark.parametrize("text", ["def broken(:", "@methods.register(name)\nclass A: ...", "\0"])
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"plugin\.py"):
        fresh("method", "methods", "methods").add_file(path)


def test_a_plugin_that_registers_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(UsageError, match="registers nothing"):
        registry.add_plugin(path)


def test_a_variant_of_a_metric_means_what_its_metric_means() -> None:
    assert metric_of("accuracy/color") == metric_of("accuracy")
    assert metric_of("accuracy@novel-pairs").higher_is_better is True
    assert metric_of("fd_tinyclip").higher_is_better is False
    assert metric_of("fd_tinyclip@floor").higher_is_better is None
    with pytest.raises(UsageError, match="unknown metric"):
        metric_of("nonsense")


@pytest.mark.parametrize("kind", ["methods", "tasks", "datasets", "metrics", "text-encoders"])
def test_listing_imports_nothing_heavy(kind: str) -> None:
    code = (
        f"import sys; from bench.cli import listing; print(listing.as_text({kind!r})); "
        "assert not {'torch', 'ray', 'pandas', 'pycocoevalcap'} & set(sys.modules), 'heavy import'"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) >= 1
