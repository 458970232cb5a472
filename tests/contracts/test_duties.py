"""Faults of plug-ins: each is one clear line before anything is trained."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import TOY

from bench import registry
from bench.contracts.codes import Codes
from bench.contracts.duties import check_class
from bench.errors import UsageError
from bench.experiment.request import Configured
from bench.records.store import RecordStore

Plan = Callable[..., None]


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Plan]:
    """Plan the toy request with an edited toy plug-in; the registries are left as they were."""
    before = [(one, dict(one._all())) for one in registry.REGISTRIES]

    def edit_and_plan(*edits: tuple[str, str]) -> None:
        for one in registry.REGISTRIES:
            one._entries = {name: entry for name, entry in one._all().items() if entry.path != TOY.resolve()}
        text = TOY.read_text()
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / f"toy_{abs(hash(text))}.py"
        path.write_text(text)
        for entry in registry.add_plugin(path):
            check_class(entry, registry.all_metrics())
        task = registry.tasks.get("toy-task")
        assert Configured(task, {}, "").protocol == {"version": 1}

    yield edit_and_plan
    for one, entries in before:
        one._entries = entries


def test_the_toy_plugin_as_it_is_can_be_planned(planned: Plan) -> None:
    planned()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("class Toy(Method)", "class Toy", "Toy is not a subclass of bench.contracts.method.Method"),
        ("class ToyTask(Task)", "class ToyTask", "is not a subclass of bench.contracts.task.Task"),
        ("class ToyColours(DataSet)", "class ToyColours", "is not a subclass of bench.contracts.data.DataSet"),
        ("@dataclass(frozen=True)\nclass Toy(", "class Toy(", "lacks the decorator @dataclass(frozen=True)"),
        ("@dataclass(frozen=True)\nclass ToyTask(", "@dataclass\nclass ToyTask(", "lacks the decorator @dataclass"),
        ("@override\n    def build", "def bild", "Toy lacks build(self, preset"),
        ("@override\n    def build", "def bild", "is 'bild' meant to be it?"),
        ("dataset: str, text: TextEncoder", "text: TextEncoder", "Toy.build takes (self, preset, text), not (self, "),
        ("codes: int = 4", "codes: int", "the argument 'codes' has no default"),
        ('arguments={"codes": 16}', 'arguments={"kodes": 16}', "no argument 'kodes'; did you mean 'codes'"),
        ('arguments={"codes": 16}', "codes=16", "unknown fact 'codes'; known: arguments; arguments of a method"),
        ('    needs=("questions",),\n', "", "'toy-task' lacks the fact 'needs'"),
        (', offers=("captions", "questions")', "", "'toy-colours' lacks the fact 'offers'"),
        ('offers=("captions",', 'offers=("caption",', "offers cannot be 'caption'; did you mean 'captions'"),
        ('needs=("questions",)', 'needs=("question",)', "needs cannot be 'question'; did you mean 'questions'"),
        ('needs=("questions",)', 'needs="questions"', "needs is a tuple, such as ('questions',)"),
        ('    blind="no image"', '    blid="no image"', "unknown fact 'blid'; did you mean 'blind'"),
        ('    blind="no image"', '    budget="heads"', "budget cannot be 'heads'; did you mean 'head'"),
        ('metrics=(Metric("brightness"', 'metrics=("acuracy", Metric("brightness"', "did you mean 'accuracy'"),
        ('result.add(name,', 'result.add("brihtness",', "'brihtness', which it does not declare; did you mean "),
        ("higher_is_better=None", "higher=None", "a registration takes one name and facts, literals only"),
        ('return {"version": 1}', "return 1 / 0", "toy-task cannot give a protocol: ZeroDivisionError"),
        ('return {"version": 1}', 'return {"version": {1}}', "toy-task cannot give a protocol: TypeError"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_when_the_run_is_planned(planned: Plan, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned((old, new))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_without_the_optional_promises_can_be_planned(planned: Plan) -> None:
    planned(('metrics=(Metric("brightness", higher_is_better=None, about="Mean of all code vectors."),),\n'
             '    blind="no image",', 'metrics=(Metric("brightness", None),),'))  # fmt: skip


def test_a_metric_that_nothing_would_measure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metric.py"
    path.write_text(
        "from bench.registry import metrics\n\n\n"
        '@metrics.register("worst_psnr", higher_is_better=True, unit="dB")\ndef worst(made, originals):\n    """W."""\n'
    )
    with pytest.raises(UsageError, match=r"nothing would measure the metric 'worst_psnr': give it compares="):
        registry.add_plugin(path)
    registry.metrics._all().pop("worst_psnr")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("toy.fault='flat'", "toy: encode gives indices [128] for two images, not [2, 8, 8]"),
        ("toy-task.undeclared=True", "measures 'brightnes', which it does not declare; did you mean 'brightness'"),
    ],
)
def test_a_fault_that_only_running_shows_is_one_line_in_a_record(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, setting: str, words: str
) -> None:
    found = bench(
        "run", "--methods", "toy", "--tasks", "toy-task", "--datasets", "toy-colours", "--preset", "smoke",
        "--engine", "serial", "--device", "cpu", "--set", setting,
    )  # fmt: skip
    assert found.returncode == 1
    records = RecordStore(tmp_path / "results").all().records
    failed = [record for record in records if record.status == "failed" and record.method.name == "toy"]
    assert failed
    assert all(words in (record.reason or "") and record.traceback is None for record in failed)
    assert all(f"python -m bench show {record.key[:8]}" in found.stderr for record in failed)


def test_codes_is_not_among_the_modules_left_out_of_fingerprints() -> None:
    from bench.system.fingerprint import PLUMBING

    assert Codes.__module__ not in PLUMBING
    assert dataclasses.is_dataclass(Codes)
