from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from bench.contracts.facts import MethodFacts, TaskFacts
from bench.errors import UsageError
from bench.experiment import plan as experiment
from bench.experiment.arguments import Setting, parse_setting, split_names, split_seeds
from bench.experiment.plan import loss_subsets, plan
from bench.experiment.request import Request
from bench.registry import Registry, methods
from bench.system import fingerprint

pytestmark = pytest.mark.usefixtures("toy")
REQUEST = Request(methods=("toy",), tasks=("toy-task",), datasets=("toy-colours",), preset="smoke")


def keys(**changes: object) -> list[str]:
    return [cell.key for cell in plan(dataclasses.replace(REQUEST, **changes))]


def test_a_request_becomes_cells_with_blind_baselines_and_reconstruction() -> None:
    cells = plan(dataclasses.replace(REQUEST, methods=("toy", "toy-16"), seeds=(0, 1)))
    found = [(cell.method, cell.task.name, cell.seed) for cell in cells]
    assert ("toy", "reconstruction", 0) in found
    assert ("blind", "toy-task", 1) in found
    assert len(found) == len(set(found)) == len({cell.key for cell in cells})


def test_head_seeds_are_tasks_on_the_same_codes() -> None:
    cells = plan(dataclasses.replace(REQUEST, seeds=(0, 1), head_seeds=(0, 2)))
    found = [(cell.method, cell.task.name, cell.seed, cell.head_seed) for cell in cells]
    trained = [("toy", "toy-task", seed, head) for seed in (0, 1) for head in (0, 2)]
    assert [cell for cell in found if cell[:2] == ("toy", "toy-task")] == trained
    of_blind = [cell for cell in found if cell[:2] == ("blind", "toy-task")]
    assert of_blind == [("blind", "toy-task", head, head) for head in (0, 2)]
    assert [cell for cell in found if cell[1] == "reconstruction"] == [  # draws nothing, so it is not repeated
        (method, "reconstruction", seed, seed) for method in ("toy", "blind") for seed in (0, 1)
    ]
    assert len({cell.tokenizer.key for cell in cells if cell.tokenizer}) == 2
    assert len({cell.key for cell in cells}) == len(cells)


def test_without_head_seeds_each_task_has_the_seed_of_its_training() -> None:
    by_default = plan(dataclasses.replace(REQUEST, seeds=(0, 1)))
    assert all(cell.head_seed == cell.seed for cell in by_default)
    assert keys(head_seeds=(0,)) == keys()


def test_the_same_request_has_the_same_keys() -> None:
    assert keys() == keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": (1,)},
        {"settings": (Setting("toy", "codes", "8"),)},
        {"settings": (Setting("preset", "learning_rate", "0.001"),)},
        {"threads": 2},
        {"devices": 2},
        {"settings": (Setting("toy-colours", "broken", "True"),)},
    ],
)
def test_what_changes_a_value_changes_the_key(changes: dict[str, object]) -> None:
    assert keys()[0] not in keys(**changes)


def test_equal_settings_are_equal_keys() -> None:
    assert keys(settings=(Setting("toy", "codes", "4"),)) == keys()


def test_an_edited_method_has_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy: Path) -> None:
    def key_with(text: str) -> str:
        copy = tmp_path / f"copy{len(list(tmp_path.iterdir()))}.py"
        copy.write_text(text)
        registry = Registry("method", "methods", "methods", MethodFacts)
        registry.add_file(copy)
        monkeypatch.setattr(experiment, "methods", registry)
        return keys()[0]

    text = toy.read_text()
    assert key_with(text) == keys()[0] == key_with(text.replace('"""Grey levels of patches."""', '"""Other words."""'))
    assert key_with(text) != key_with(text.replace("* 2 - 1", "* 3 - 1"))


def test_a_wrapped_method_counts() -> None:
    wrapped = methods.get("vqgan").path
    assert fingerprint.of_code([wrapped]) in experiment._method("lgvq", REQUEST).code


def test_unmet_needs_are_a_reason_to_skip() -> None:
    cells = plan(dataclasses.replace(REQUEST, datasets=("toy-colours",), tasks=("toy-task",)))
    assert all(cell.skip is None for cell in cells if cell.task.name == "toy-task")
    needy = dataclasses.replace(cells[1].task.entry, facts=TaskFacts(needs=("masks",), metrics=()))
    task = dataclasses.replace(cells[1].task, entry=needy)
    assert experiment._skip(task, cells[1].dataset, None) == "toy-colours offers no masks"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ("toi",)}, "unknown method 'toi'; did you mean 'toy'"),
        ({"tasks": ("toy-tsk",)}, "did you mean 'toy-task'"),
        ({"datasets": ("toy-colors",)}, "did you mean 'toy-colours'"),
        ({"preset": "smok"}, "did you mean 'smoke'"),
        ({"text_encoder": "tiny-clap"}, "did you mean 'tiny-clip'"),
        ({"settings": (Setting("toy", "kodes", "8"),)}, "did you mean 'codes'"),
        ({"settings": (Setting("toy", "codes", "many"),)}, "toy.codes=many"),
        ({"settings": (Setting("vqgan", "codes", "8"),)}, "'vqgan' is not part of this run"),
    ],
)
def test_wrong_names_and_values_are_one_clear_error(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_the_command_line() -> None:
    assert parse_setting("lgvq.beta=0.5") == ("lgvq", "beta", "0.5")
    assert split_names("a, b,", []) == ("a", "b")
    assert split_names("all", ["x", "y"]) == ("x", "y")
    assert split_seeds("0,2") == (0, 2)


@pytest.mark.parametrize("text", ["beta=1", "lgvq.beta", "lgvq.=1", ".beta=1", ""])
def test_malformed_settings(text: str) -> None:
    with pytest.raises(UsageError, match=r"NAME\.ARG=VALUE"):
        parse_setting(text)


@pytest.mark.parametrize("text", ["", "a", "0,,1", "-1", "1.5", str(2**31)])
def test_malformed_seeds(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        split_seeds(text)


def test_ablation_covers_every_subset_of_the_losses_and_the_base_alone() -> None:
    for name, base in (("lgvq", "vqgan"), ("lgvq-vae", "vqvae"), ("lgvq-cvq", "cvq-l2-contrastive")):
        found = loss_subsets(name)
        assert found[0] == base
        made = [methods.get(other).load()(**methods.get(other).facts.arguments) for other in found[1:]]
        assert {method.base for method in made} == {base}
        assert {frozenset(method.losses) for method in made} == {
            frozenset(losses) for size in (1, 2, 3) for losses in itertools.combinations(("gsa", "mtp", "ras"), size)
        }
    with pytest.raises(UsageError, match="adds no losses"):
        loss_subsets("vqgan")
