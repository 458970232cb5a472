"""What a record's training was made of, without an import of its method."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.made_records import a_record

from bench import registry
from bench.effects.pairs import pairs
from bench.effects.settings import PASSED_ON, not_default, setting_of
from bench.effects.sources import Sources

SOURCES = Sources()


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


@pytest.mark.parametrize("name", registry.methods.names())
def test_the_defaults_are_those_of_the_class(name: str) -> None:
    entry = registry.methods.get(name)
    made = entry.load()(**entry.facts.arguments)
    true = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    assert plain(SOURCES.defaults(name)) == plain(true)


@pytest.mark.parametrize("variant", ["released", "paper"])
@pytest.mark.parametrize("given", [{}, {"init": "features"}, {"codes": 64}])
@pytest.mark.parametrize("base", ["vqgan", "vqvae", "vq-rotation", "cvq-l2-contrastive"])
def test_a_wrapped_base_is_what_the_method_builds(base: str, given: dict[str, Any], variant: Any) -> None:
    given = given | ({"legacy": True} if "codes" in given and base == "vqgan" else {})
    from bench.methods.lgvq import LgVq
    from bench.methods.parts.language.variants import VARIANTS

    guided = LgVq(base=base, variant=variant, **given)
    wrapped = guided._base(guided._with_given(VARIANTS[variant]))
    alone = plain({field.name: getattr(wrapped, field.name) for field in dataclasses.fields(wrapped)})
    around = plain({field.name: getattr(guided, field.name) for field in dataclasses.fields(guided)})
    of_base = setting_of(a_record(base, arguments=alone), SOURCES)
    of_guided = setting_of(a_record("lgvq", arguments=around, text_encoder="tiny-clip"), SOURCES)
    assert of_guided.base == of_base.base == base
    assert of_guided.base_arguments == of_base.base_arguments
    assert (of_guided.guide, of_base.guide) == ("lgvq", None)
    assert of_guided.losses == {"gsa", "mtp", "ras"}
    assert not {name for name, _ in of_guided.others} & {"base", "losses", *PASSED_ON}


def test_registered_names_of_one_class_are_one_method() -> None:
    arguments = plain(dict(SOURCES.defaults("lgvq-gsa") or {}))
    one = setting_of(a_record("lgvq-gsa", arguments=arguments), SOURCES)
    assert one == setting_of(a_record("lgvq", arguments=arguments), SOURCES)
    assert one.losses == {"gsa"}


def test_a_switch_that_is_given_as_the_variant_has_it_changes_nothing() -> None:
    arguments = plain(dict(SOURCES.defaults("lgvq") or {}))
    given = arguments | {"temperature": 1, "legacy": True}
    assert setting_of(a_record(arguments=given), SOURCES) == setting_of(a_record(arguments=arguments), SOURCES)


def test_an_unknown_method_is_taken_by_its_name_and_what_is_given() -> None:
    arguments = {"base": "theirs", "losses": ["x", "y"], "init": None, "codes": 8, "z": 1.0}
    found = setting_of(a_record("mine-x-y", arguments=arguments), SOURCES)
    assert (found.base, found.guide, found.base_arguments) == ("theirs", "mine", (("codes", "8"),))
    assert found.others == (("z", "1"),)
    assert setting_of(a_record("theirs", arguments={"init": "a"}), SOURCES).base_arguments == (("init", '"a"'),)


@pytest.mark.parametrize("losses", [None, [], "gsa", [1], {"gsa": 1}, ["gsa", None]])
def test_losses_that_are_no_names_make_no_guide(losses: Any) -> None:
    assert setting_of(a_record(arguments={"base": "vqgan", "losses": losses}), SOURCES).guide is None


def test_inherited_fields_and_fields_without_a_literal_are_read(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("class Above:\n    a: int = 1\n    b: int = 2\n")
    (tmp_path / "mine.py").write_text(
        "from bench.registry import methods\nfrom helper import Above\nN = 3\n"
        "@methods.register('of-mine', arguments={'c': 5})\n"
        "class Mine(Above):\n    paper: ClassVar[str] = ''\n    b: int = 7\n    c: int = 4\n    d: int = N\n"
    )
    registry.add_plugin(tmp_path / "mine.py")
    sources = Sources()
    del registry.methods._all()["of-mine"]
    assert sources.defaults("of-mine") == {"a": 1, "b": 7, "c": 5, "d": "<N>"}
    assert not_default({"a": 1, "b": 2, "d": 3, "e": 4}, sources.default_texts("of-mine")) == pairs(
        {"b": 2, "d": 3, "e": 4}
    )


def test_nothing_heavy_is_imported() -> None:
    words = (
        "import sys; from bench.effects import sources; sources.Sources().defaults('lgvq'); "
        "assert not {'torch', 'scipy', 'statsmodels', 'matplotlib', 'ray'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", words], check=True, cwd=registry.ROOT)
