"""What every task promises, whatever it measures: a new one is tested by being registered."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.data.emoji_scenes import EmojiScenes
from bench.data.rendered_text import RenderedText
from bench.methods.identity import Identity
from bench.methods.vqgan import VqGan
from bench.presets import Budget
from bench.records.record import FILE_NAME
from bench.registry import metric_names, metric_of, tasks
from bench.system.vectors import pack_vectors, unpack_vectors
from bench.tasks.parts.networks import segmenter

CPU = torch.device("cpu")
BUDGET = Budget(steps=2, batch_size=8, learning_rate=1e-3, width=32, layers=1)
LIMITS = {"train": 200, "validation": 16, "test": 16}
CODES = 12
NAMES = tasks.names()
OF_SETS = (
    *("fd", "kd", "fid", "kid", "cmmd", "usage", "perplexity", "normalised_usage", "bits_per_pixel"),
    *("detail_error", "energy_kept", "finest_detail", "finest_detail_cells"),
    *("images_with_text", "smallest_legible", "smallest_legible_cells"),
)
"""Metrics of a set of images or codes, which have no value for one example."""
OF_CORPUS = ("bleu", "meteor")
"""Metrics whose value is not the mean of what each example gets."""
OF_TEST_ALONE = ("alignment", "completion", "unconditional")
"""Tasks that do not score further test splits."""
READS_TEXT = "text-preservation"
"""The task that has nothing to do on images without text."""


def splits_of(made: DataSet, cache: Path) -> dict[str, Split]:
    return {name: replace(made.split(name, cache), cache=cache / name) for name in made.splits}


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    return splits_of(EmojiScenes(size=32, limits=LIMITS), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    return splits_of(RenderedText(size=32, limits=LIMITS), tmp_path_factory.mktemp("printed"))


def make(name: str) -> Task:
    """A task with its defaults, but with the one extractor that takes no time and one that has no weights."""
    task = tasks.get(name).load()
    fields = getattr(task, "__dataclass_fields__", {})
    return task(**({"extractors": ("tinyclip", "inception")} if "extractors" in fields else {}))


def decode(indices: Tensor) -> Tensor:
    """A code is a shade of grey."""
    shade = indices.float() / CODES * 2 - 1
    return shade[:, None].repeat_interleave(8, 2).repeat_interleave(8, 3).expand(-1, 3, -1, -1)


def codes_of(splits: dict[str, Split], discrete: bool) -> dict[str, Codes]:
    codebook = torch.randn(CODES, 6, generator=torch.Generator().manual_seed(0))
    found = {}
    for number, (name, split) in enumerate(splits.items()):
        array = np.random.default_rng(number).integers(0, CODES, (len(split), 4, 4)).astype(np.int32)
        if discrete:
            found[name] = Codes(array, codebook, True, decode)
        else:
            vectors = codebook.numpy()[array]
            found[name] = Codes(vectors, torch.empty(0, 6), False, lambda picked: decode(picked[..., 0] % CODES))
    return found


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    """A segmenter of a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "RECIPE", BUDGET)
        yield


@pytest.fixture(scope="module")
def results(splits: dict[str, Split], printed: dict[str, Split], short: None) -> dict[tuple[str, str], TaskResult]:
    found = {}
    for entry in tasks.entries():
        task, splits_of_task = make(entry.name), printed if entry.name == READS_TEXT else splits
        kinds = {"codes": codes_of(splits_of_task, True)}
        if task.skip(EmojiScenes(), Identity()) is None:
            kinds["vectors"] = codes_of(splits_of_task, False)
        if entry.facts.blind is not None:
            kinds["blind"] = None
        for kind, codes in kinds.items():
            found[entry.name, kind] = task.run(Work(codes, splits_of_task, BUDGET, 0, CPU))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_declared_and_a_blind_baseline_has_a_name(name: str) -> None:
    assert tasks.get(name).facts.blind != ""
    assert metric_names(name)
    for metric in metric_names(name):
        assert metric_of(metric)


@pytest.mark.parametrize("name", NAMES)
def test_the_protocol_is_plain_and_has_a_version(name: str) -> None:
    protocol = tasks.get(name).load()().protocol()
    assert isinstance(protocol["version"], int)
    assert json.loads(json.dumps(protocol))
    assert json.dumps(protocol) == json.dumps(tasks.get(name).load()().protocol())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_declared_is_measured_or_skipped_for_a_reason(name: str, results) -> None:
    result = results[name, "codes"]
    families = {metric_of(metric).name for metric in (*result.metrics, *result.skipped)}
    optional = {"vqa_accuracy"}  # needs several answers to a question
    assert {metric_of(metric).name for metric in metric_names(name)} - optional <= families
    assert all(len(reason) > 10 for reason in result.skipped.values())
    assert not set(result.skipped) & set(result.metrics)


@pytest.mark.parametrize("kind", ["codes", "vectors", "blind"])
@pytest.mark.parametrize("name", NAMES)
def test_values_are_finite_and_examples_stand_behind_them(name: str, kind: str, results) -> None:
    if (name, kind) not in results:
        without = {
            "vectors": "no indices" in (tasks.get(name).load()().skip(EmojiScenes(), Identity()) or ""),
            "blind": tasks.get(name).facts.blind is None,
        }
        assert without[kind]
        return
    result = results[name, kind]
    for metric, score in result.metrics.items():
        assert np.isfinite(score.value), metric
        assert score.n > 0
        declared = metric_of(metric).name
        assert (score.over == "set") == (declared in (*OF_SETS, *OF_CORPUS)), metric
        if declared in OF_SETS:
            continue
        assert len(result.per_example[metric]) == score.n, metric
        if score.over == "examples":
            assert result.per_example[metric].mean(dtype=np.float64) == pytest.approx(score.value, rel=1e-5, abs=1e-7)
    assert any("@novel-" in metric for metric in result.metrics) or name in OF_TEST_ALONE
    assert set(map(type, result.cost.values())) <= {float}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in NAMES for kind in ("codes", "blind")])
def test_examples_that_share_an_image_say_so(name: str, kind: str, results, splits: dict[str, Split]) -> None:
    """Examples are images, or name the images that they are about; every array belongs to a value."""
    if (name, kind) not in results:
        return
    result = results[name, kind]
    clusters = {score.clusters for score in result.metrics.values()} - {None}
    assert set(result.per_example) <= clusters | set(result.metrics)
    for metric, score in result.metrics.items():
        if score.clusters is not None:
            images = result.per_example[score.clusters]
            assert len(images) == score.n, metric
            assert np.issubdtype(images.dtype, np.integer)
            assert images.min() >= 0
            assert images.max() < max(map(len, splits.values()))
        elif score.over == "examples":
            assert score.n in set(map(len, splits.values())), metric


@pytest.mark.parametrize("name", NAMES)
def test_a_result_can_be_stored(name: str, results) -> None:
    for kind in ("codes", "blind"):
        if (name, kind) not in results:
            continue
        result = results[name, kind]
        stored = result.per_example | result.statistics
        assert set(unpack_vectors(pack_vectors(stored))) == set(stored)
        assert result.samples or kind == "blind"
        assert all(FILE_NAME.fullmatch(file) for file in result.samples)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_values(
    name: str, results, splits: dict[str, Split], printed: dict[str, Split], short: None
) -> None:
    state = torch.get_rng_state()
    given = printed if name == READS_TEXT else splits
    again = make(name).run(Work(codes_of(given, True), given, BUDGET, 0, CPU))
    assert again.metrics == results[name, "codes"].metrics
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_no_task_leaves_out_a_method_with_indices(name: str) -> None:
    assert tasks.get(name).load()().skip(EmojiScenes(), VqGan()) is None


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_plain_and_documented(name: str) -> None:
    task = tasks.get(name).load()
    assert inspect.getdoc(task)
    assert all(isinstance(value, str | int | float | tuple | type(None)) for value in vars(task()).values())
    assert Path(inspect.getfile(task)).parent.name == "tasks"
