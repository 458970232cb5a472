"""From records to noise: what is pooled, what is kept apart, the file, the command."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import TOY
from helpers.made_records import N, a_record

from bench.errors import RecordError
from bench.noise.estimate import estimate
from bench.noise.noise import FILE, read, to_json
from bench.noise.report import number, sentence, to_markdown, to_text
from bench.records.record import MethodUsed, Record
from bench.records.store import RecordStore

TRAINING, HEAD = 0.02, 0.01


def fits(method: str, seed: int, trainings: int = 8, heads: int = 6, **changes: object) -> list[Record]:
    """Records of a method whose values have known components."""
    rng = np.random.default_rng(seed)
    of_training = rng.normal(0.7, TRAINING, trainings)
    return [
        a_record(
            method, float(of_training[t] + rng.normal(0, HEAD)), seed=t, head_seed=h, key=f"{method}-{t}-{h}", **changes  # type: ignore[arg-type]
        )
        for t in range(trainings)
        for h in range(heads)
    ]  # fmt: skip


def test_known_components_are_found_in_records() -> None:
    records = [record for i in range(12) for record in fits(f"m{i}", i)]
    (found,) = estimate(records)
    assert found.head == pytest.approx(HEAD, rel=0.1)
    assert found.training == pytest.approx(TRAINING, rel=0.2)  # 84 degrees of freedom
    assert (found.methods, found.trainings, found.fits) == (12, 96, 576)
    assert (found.head_freedom, found.total_freedom) == (480, 84)
    assert found.headline
    assert list(found.smallest) == [2, 3, 5, 10]
    assert found.images is None
    assert found.smallest[3] == pytest.approx(found.total * 3.76 * (2 / 3) ** 0.5, rel=0.01)  # type: ignore[operator]


def test_one_seed_and_no_repeats_say_nothing_of_seeds() -> None:
    (found,) = estimate([a_record("a", 0.5), a_record("b", 0.6)])
    assert (found.head, found.training, found.total, found.smallest) == (None, None, None, {})
    assert number(found.total) == "—"
    assert "0.5" not in to_text([found])


def test_old_records_and_default_seeds_give_the_total_alone() -> None:
    (found,) = estimate([a_record("a", value, seed=seed) for seed, value in enumerate((0.5, 0.6, 0.7))])
    assert (found.head, found.training) == (None, None)
    assert found.total == pytest.approx(0.1)
    assert sentence(found).endswith("0.10 over seeds; from 3 fits on 3 trainings of 1 methods.")


def test_only_the_newest_record_of_a_cell_and_only_competing_methods_count() -> None:
    newer = a_record("a", 0.6, seed=1, key="new", day=2)
    records = [a_record("a", 0.5, seed=0), newer, a_record("a", 0.9, seed=1)]
    control = MethodUsed(name="identity", control=True)
    far = [a_record("identity", v, seed=s).model_copy(update={"method": control}) for s, v in ((0, 0.1), (1, 0.9))]
    blind = [a_record("blind", value, seed=seed) for seed, value in ((0, 0.1), (1, 0.9))]
    failed = a_record("a", None, seed=2)
    (found,) = estimate([*records, *far, *blind, failed])
    assert found.total == pytest.approx(0.1 / 2**0.5)
    (of_controls,) = estimate([*far, *blind])  # better than nothing
    assert of_controls.total == pytest.approx(0.8 / 2**0.5)


def test_tables_are_kept_apart_and_controls_of_metrics_left_out() -> None:
    metrics = {
        name: {"value": 0.5, "n": N, "higher_is_better": better, "unit": ""}
        for name, better in (("accuracy", True), ("accuracy@no-image", True), ("usage", None), ("accuracy/color", True))
    }
    first = a_record("a", metrics=metrics)
    other = a_record("a", 0.5, protocol={"words": 13})
    found = estimate([first, other])
    assert sorted((noise.metric, noise.headline) for noise in found) == [
        ("accuracy", True), ("accuracy", True), ("accuracy/color", False),
    ]  # fmt: skip
    assert len({noise.place.protocol_hash for noise in found}) == 2


def test_images_come_from_scores_on_the_same_examples(tmp_path: Path) -> None:
    rng, store = np.random.default_rng(0), RecordStore(tmp_path)
    shared, ids = rng.normal(size=100), np.repeat(np.arange(50), 2)

    def with_scores(method: str, scores: np.ndarray, images: np.ndarray) -> Record:
        measured = {"value": float(scores.mean()), "n": len(scores), "higher_is_better": True, "unit": "",
                    "over": "examples", "clusters": "images"}  # fmt: skip
        return store.write(a_record(method, metrics={"accuracy": measured}), {"accuracy": scores, "images": images})

    a, b = shared + rng.normal(size=100) / 2, shared + rng.normal(size=100) / 2
    records = [with_scores("a", a, ids), with_scores("b", b, ids), with_scores("c", 9 * a, ids[::-1].copy())]
    (found,) = estimate(records, store)
    of_images = (a - b).reshape(50, 2).mean(1)
    assert found.difference == pytest.approx(of_images.std(ddof=1) / 50**0.5, rel=1e-3)
    assert found.images is not None
    assert found.images > found.difference
    assert estimate(records)[0].images is None
    store.path_of(records[0]).with_suffix(".npz").write_bytes(b"junk")
    assert estimate(records, store)[0].difference == pytest.approx((found.images or 0) * 2**0.5, rel=0.3)


def test_the_file_comes_back_and_the_tables_show_it(tmp_path: Path) -> None:
    found = estimate([*fits("a", 0), *fits("b", 1)])
    (tmp_path / FILE).write_text(to_json(found))
    (again,) = read(tmp_path / FILE)
    assert again.head == pytest.approx(found[0].head, rel=1e-3)
    assert again.place == found[0].place
    assert to_json([again]) == to_json(found)
    assert f"| vqa | accuracy | {number(again.head)} (80) |" in to_markdown([again])
    assert f"accuracy  {number(again.head)} (80)" in to_text([again])
    assert sentence(again).startswith("Noise of accuracy. Smallest difference that seeds can find (80 % power): ")
    assert read(tmp_path / "none.json") == []
    assert "No records" in to_text([])


@pytest.mark.parametrize("text", ["", "{}", "[{}]", '[{"metric": "a"}]', "[1e999]", "\udcff"])
def test_a_file_that_is_something_else_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RecordError, match="not what `noise` writes") as caught:
        read(tmp_path / FILE)
    assert "\n" not in str(caught.value)


def test_numbers_are_short() -> None:
    shown = [number(value) for value in (None, 0.0, 0.01234, 1.25, 12.4, 124.0, 1.2e-5)]
    assert shown == ["—", "0.0", "0.012", "1.2", "12", "124", "1.2e-05"]


Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_the_command_runs_what_is_missing_and_estimates(bench: Bench, tmp_path: Path) -> None:
    """One of two methods fails: the other's noise is known all the same, and the status says that something failed."""
    run = (
        "--run", "--methods", "toy,toy-16", "--tasks", "toy-task", "--datasets", "toy-colours", "--preset", "smoke",
        "--engine", "serial", "--device", "cpu", "--seeds", "0,1", "--head-seeds", "0,1", "--plugin", str(TOY),
        "--set", "reconstruction.extractors=()", "--set", "toy-16.fault=raise",
    )  # fmt: skip
    done = bench("noise", *run, "--format", "json", "--output", "results/noise.json")
    assert done.returncode == 1, done.stderr
    assert not done.stdout
    found = {noise.metric: noise for noise in read(tmp_path / "results/noise.json")}
    assert (found["psnr"].methods, found["psnr"].trainings, found["psnr"].total_freedom) == (1, 2, 1)
    assert found["psnr"].images is not None


def test_options_of_a_run_are_refused_without_one(bench: Bench) -> None:
    refused = bench("noise", "--methods", "toy")
    assert refused.returncode == 2
    assert refused.stderr == "error: noise takes --methods only together with --run\n"
    assert bench("noise").stdout.startswith("No records")
