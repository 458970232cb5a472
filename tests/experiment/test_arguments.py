import dataclasses
import os
import typing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.contracts.arguments import Count, Share, Weight
from bench.contracts.data import DataSet
from bench.contracts.method import Method
from bench.errors import UsageError
from bench.experiment.arguments import Setting, resolve
from bench.presets import PRESETS, Preset
from bench.registry import datasets, methods, tasks


@dataclass
class Sizes:
    """Arguments of all kinds."""

    count: Count = 4
    maybe: Count | None = None
    levels: tuple[Count, ...] = (8, 8)
    weight: Weight = 0.25
    share: Share = 0.5
    anything: float = 1.0
    limits: typing.Mapping[str, Count] = dataclasses.field(default_factory=dict)
    flag: bool = True
    text: str = ""
    file: Path | None = None


def given(argument: str, value: str) -> object:
    return resolve(Sizes, {}, [Setting("sizes", argument, value)])[argument]


@pytest.mark.parametrize(
    ("argument", "value", "wanted"),
    [
        ("count", "64", 64),
        ("maybe", "None", None),
        ("levels", "(5, 6)", (5, 6)),
        ("levels", "[5]", (5,)),
        ("weight", "0", 0.0),
        ("anything", "-1e3", -1000.0),
        ("limits", "{'train': 8}", {"train": 8}),
        ("flag", "False", False),
        ("text", "5", "5"),
        ("text", "((((", "(" * 4),
        ("text", "{" * 200, "{" * 200),
    ],
)
def test_a_sensible_value_is_taken(argument: str, value: str, wanted: object) -> None:
    assert given(argument, value) == wanted


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("count", "0"),
        ("count", "-5"),
        ("count", ""),
        ("count", "2.5"),
        ("count", "True"),
        ("count", "9" * 5000),
        ("count", "-" * 20_000 + "1"),
        ("count", "{" * 200),
        ("count", "(" * 20_000),
        ("count", "1" + "+1" * 20_000),
        ("maybe", "0"),
        ("levels", "(8, 0)"),
        ("levels", "8"),
        ("weight", "-0.1"),
        ("weight", "nan"),
        ("weight", "1e999"),
        ("share", "1.5"),
        ("anything", "nan"),
        ("anything", "-inf"),
        ("anything", "-1e999"),
        ("limits", "{'train': 0}"),
        ("limits", "{" * 200),
        ("file", "/dev/zero"),
    ],
)
def test_nonsense_is_one_short_line_that_names_the_argument(argument: str, value: str) -> None:
    with pytest.raises(UsageError) as raised:
        given(argument, value)
    assert str(raised.value).startswith(f"sizes.{argument}={value[:20]}")
    assert len(str(raised.value)) < 250
    assert "\n" not in str(raised.value)


def test_the_part_of_a_dictionary_that_is_wrong_is_named() -> None:
    with pytest.raises(UsageError, match="'test': input should be greater"):
        given("limits", "{'train': 8, 'test': 0}")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        given("file", str(tmp_path / "pipe"))


def test_what_a_registration_gives_is_held_to_the_same() -> None:
    with pytest.raises(UsageError, match=r"Sizes\.count=0"):
        resolve(Sizes, {"count": 0}, [])


PLUGINS = [
    (entry, field.name, hint)
    for registry in (methods, tasks, datasets)
    for entry in {(entry.path, entry.target): entry for entry in registry.entries() if not entry.from_outside}.values()
    for field in dataclasses.fields(entry.load())
    for hint in [str(typing.get_type_hints(entry.load())[field.name])]
]


@pytest.mark.parametrize(("entry", "name", "hint"), PLUGINS, ids=[f"{entry.name}.{name}" for entry, name, _ in PLUGINS])
def test_no_number_of_any_plugin_may_be_nonsense(entry, name, hint) -> None:
    values = ["-5", "[-5]", "{'train': -5}"] if "int" in hint else []
    values += ["nan", "-inf", "1e999"] if "float" in hint else []
    for value in values:
        with pytest.raises(UsageError, match=f"{entry.name}.{name}="):
            resolve(entry.load(), {}, [Setting(entry.name, name, value)])


NONSENSE = {int: "-1", float: "-0.5"}
OF_PRESET = [
    (name, NONSENSE.get(type(value), "nonsense"))
    for name, value in dataclasses.asdict(PRESETS["tiny"]).items()
    if not isinstance(value, dict | tuple) and name not in ("about", "backbone")  # the network knows its own names
]


@pytest.mark.parametrize(
    ("name", "value"), [*OF_PRESET, ("steps", "0"), ("muon", "0"), ("learning_rate", "0"), ("average", "1")]
)
def test_no_number_of_a_preset_may_be_nonsense(name: str, value: str) -> None:
    given = {field.name: getattr(PRESETS["tiny"], field.name) for field in dataclasses.fields(Preset)}
    with pytest.raises(UsageError, match=f"preset.{name}="):
        resolve(Preset, given, [Setting("preset", name, value)])


@pytest.mark.parametrize("entry", methods.entries(), ids=lambda entry: entry.name)
def test_no_codes_are_not_the_presets_number(entry) -> None:
    arguments = {field.name for field in dataclasses.fields(entry.load())}
    if "codes" in arguments:
        with pytest.raises(UsageError, match="codes=0"):
            entry.load()(codes=0)


def test_a_method_of_others_is_held_to_its_number_of_codes() -> None:
    @dataclass(frozen=True)
    class Theirs(Method):
        codes: int = 4

        def build(self, preset, dataset, text):
            raise NotImplementedError

    assert Theirs(codes=1).codes == 1
    with pytest.raises(UsageError, match=r"Theirs\.codes=-2"):
        Theirs(codes=-2)


@pytest.mark.parametrize(
    ("limits", "reason"), [({"train": 0}, "'train' would have no images"), ({"tarin": 5}, "did you mean 'train'")]
)
def test_limits_that_leave_nothing_or_limit_nothing_are_refused(limits: dict[str, int], reason: str) -> None:
    @dataclass(frozen=True)
    class Theirs(DataSet):
        def split(self, name, cache):
            raise NotImplementedError

    with pytest.raises(UsageError, match=reason):
        Theirs(limits=limits)
