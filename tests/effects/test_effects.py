"""From records to effects: known ones are found, others are not claimed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from helpers.made_designs import LOSSES, a_setting, made, stored, subsets
from helpers.made_records import a_record

from bench.effects.effect_rows import effects
from bench.effects.report import incomplete_line, to_markdown
from bench.effects.rows import Effects, Row
from bench.effects.verdicts import pooled_sentence, sentence, verdict
from bench.records.store import RecordStore


def of(found: Effects, kind: str) -> dict[str, Row]:
    return {row.change: row for row in found.rows if row.kind == kind}


def code(row: Row) -> str:
    assert row.effect is not None
    assert row.p is not None
    return verdict(row.effect, row.p, row.metric).code


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path)


def test_a_known_effect_is_found_with_its_sign_and_size(store: RecordStore) -> None:
    truth = {"gsa": 0.03, "mtp": -0.02, "gsa+ras": 0.04}
    found = effects(list(stored(store, truth, seeds=5, training=0.002)), store)
    losses, together, every = of(found, "loss"), of(found, "interaction"), of(found, "all losses")
    assert list(losses) == list(LOSSES)
    expected = {"gsa": 0.05, "mtp": -0.02, "ras": 0.02, "gsa × ras": 0.04, "gsa × mtp": 0.0, "gsa × mtp × ras": 0.0}
    for change, size in expected.items():
        effect = {**losses, **together}[change].effect
        assert effect is not None
        assert effect.estimate == pytest.approx(size, abs=0.006), change
        assert abs(effect.estimate - size) < 2 * effect.half_width()
        assert effect.training is not None
        assert effect.images is not None
    assert [code(losses[name]) for name in LOSSES] == ["raises", "lowers", "raises"]
    (all_losses,) = every.values()
    assert all_losses.effect is not None
    assert all_losses.effect.estimate == pytest.approx(0.05, abs=0.01)
    assert (all_losses.with_, all_losses.without) == (5, 5)
    assert (losses["gsa"].with_, losses["gsa"].without) == (20, 20)
    assert (together["gsa × mtp"].with_, together["gsa × mtp"].without) == (10, 30)
    assert sentence(losses["mtp"]).startswith("mtp changes VQA accuracy by -")
    assert sentence(together["gsa × ras"]).endswith(
        " points beyond the sum (10 trainings with, 30 without): more than the sum"
    )
    assert sentence(losses["mtp"]).endswith("points (20 trainings with, 20 without): lowers it")


def test_no_effect_is_said_to_be_less_than_a_point_where_that_is_known(store: RecordStore) -> None:
    found = effects(list(stored(store, {}, seeds=4, training=0.002)), store)
    losses = of(found, "loss")
    assert [code(losses[name]) for name in LOSSES] == ["equivalent"] * 3
    assert sentence(losses["ras"]).endswith("(16 trainings with, 16 without): less than 1 point either way")


def test_no_effect_that_could_be_large_cannot_be_told_and_says_what_could_have_been_found(store: RecordStore) -> None:
    found = effects(list(stored(store, {}, seeds=2, training=0.05)), store)
    row = of(found, "loss")["gsa"]
    assert code(row) == "unknown"
    assert row.effect is not None
    assert f"cannot be told: could have found {100 * row.effect.findable():.1f} points" in sentence(row)


def test_a_small_effect_that_is_there_is_both(store: RecordStore) -> None:
    found = effects(list(stored(store, {"gsa": 0.005}, seeds=5, training=0.0005)), store)
    row = of(found, "loss")["gsa"]
    assert code(row) == "raises a little"
    assert sentence(row).endswith("raises it, by less than 1 point")


def test_lower_is_better_is_said_so(store: RecordStore) -> None:
    change = {"metric": "lpips_alex", "higher": False, "task": "reconstruction"}
    found = effects(list(stored(store, {"gsa": -0.1}, training=0.001, **change)), store)  # type: ignore[arg-type]
    row = of(found, "loss")["gsa"]
    assert (row.metric.higher_is_better, row.metric.margin) == (False, None)
    assert sentence(row).endswith(": lowers it, which is better")


def test_units_and_margins_are_those_written_down(store: RecordStore) -> None:
    change = {"metric": "psnr", "task": "reconstruction", "unit": "dB", "mean": 24.0}
    found = effects(list(stored(store, {}, training=0.01, **change)), store)  # type: ignore[arg-type]
    assert sentence(of(found, "loss")["gsa"]).endswith("less than 0.1 dB either way")
    assert " dB (12 trainings with, 12 without)" in sentence(of(found, "loss")["gsa"])


def test_one_training_of_each_tells_nothing_and_says_why(store: RecordStore) -> None:
    found = effects(list(stored(store, {"gsa": 0.5}, seeds=1)), store)
    assert {row.effect for row in found.rows} == {None}
    text = to_markdown(found)
    assert "lgvq on vqgan: what gsa, mtp and ras changes in VQA accuracy cannot be told" in text
    assert "4 trainings with and 4 without are too few to know how much another may differ" in text
    assert "raises" not in text


def test_one_training_on_one_side_tells_nothing_however_many_the_other_has(store: RecordStore) -> None:
    records = list(stored(store, {}, only=[()], seeds=5)) + list(stored(store, {}, only=[LOSSES], seeds=1))
    records += stored(store, {}, only=[()], seeds=1, init="features")
    found = effects(records, store)
    assert [(row.kind, row.effect, row.with_, row.without) for row in found.rows] == [
        ("all losses", None, 1, 5), ("codebook use", None, 1, 5),
    ]  # fmt: skip
    assert "cannot be told: 1 training with and 5 without are too few" in to_markdown(found)


def test_an_incomplete_design_is_reported_and_nothing_is_told_of_its_losses(store: RecordStore) -> None:
    records = list(stored(store, {"gsa": 0.1}, only=[(), ("gsa",), LOSSES]))
    found = effects(records, store)
    assert [row.kind for row in found.rows] == ["all losses"]
    (row,) = found.rows
    assert row.effect is not None  # what all do together needs both ends alone
    assert row.effect.estimate == pytest.approx(0.1, abs=0.01)
    (line,) = map(incomplete_line, found.incomplete)
    assert line == (
        "emoji-scenes, preset tiny: lgvq on vqgan: 3 of 8 subsets, 3 trainings of each, "
        "missing mtp, ras, gsa + mtp, gsa + ras, mtp + ras (vqa)"
    )


def test_a_metric_that_one_subset_lacks_is_not_guessed(store: RecordStore) -> None:
    records = list(stored(store, {"gsa": 0.1}))
    lacking = [
        r.model_copy(update={"metrics": {}}) if r.method.arguments.get("losses") == ["ras"] else r for r in records
    ]
    found = effects(lacking, store)
    assert {row.why for row in found.rows if row.kind == "loss"} == {"not all have it measured"}


def test_codebook_use_beside_language(store: RecordStore) -> None:
    """Starting from features adds 3 points; gsa adds nothing beyond it."""
    records = [*stored(store, {}), *stored(store, {}, mean=0.73, init="features", rng_seed=1)]
    found = effects(records, store)
    (row,) = of(found, "codebook use").values()
    assert row.effect is not None
    assert row.effect.estimate == pytest.approx(0.03, abs=0.006)
    assert (row.with_, row.without, row.pairs) == (24, 24, 8)
    assert sentence(row).startswith("init=features instead of init=uniform changes VQA accuracy by +")
    assert sentence(row).endswith(": raises it")
    assert {row.design for row in found.rows if row.kind == "loss"} == {
        "lgvq on vqgan", "lgvq on vqgan (init=features)",
    }  # fmt: skip


def test_the_base_beside_language(store: RecordStore) -> None:
    records = [*stored(store, {}), *stored(store, {}, base="vqvae", mean=0.66, rng_seed=1)]
    (row,) = of(effects(records, store), "base").values()
    assert row.effect is not None
    assert row.effect.estimate == pytest.approx(-0.04, abs=0.006)
    assert sentence(row).startswith("vqvae instead of vqgan as base changes VQA accuracy by -")


def test_effects_of_several_bases_and_data_sets_are_pooled(store: RecordStore) -> None:
    other = {"dataset": {"name": "cub200", "fingerprint": "f2"}}
    records = [
        *stored(store, {"gsa": 0.04}),
        *stored(store, {"gsa": 0.04}, base="vqvae", rng_seed=1),
        *stored(store, {"gsa": 0.04}, fields=other, rng_seed=2),
    ]
    found = effects(records, store)
    gsa = next(one for one in found.pooled if one.rows[0].change == "gsa")
    assert len(gsa.rows) == 3
    assert gsa.pooled.effect.estimate == pytest.approx(0.04, abs=0.004)
    line = pooled_sentence(gsa)
    assert line.startswith("gsa changes VQA accuracy by +")
    assert ": raises it (in one more +" in line
    assert line.endswith("%)")
    over = "3 settings (lgvq on vqgan: cub200, preset tiny; lgvq on vqgan: emoji-scenes, preset tiny; "
    assert over + "lgvq on vqvae: emoji-scenes, preset tiny):\n\n- " in to_markdown(found)
    alone = {one.rows[0].change: one.effect.p() for one in found.pooled if one.rows[0].kind == "loss"}
    assert gsa.p == pytest.approx(3 * alone["gsa"])  # Holm: the smallest of three
    both = [one for one in found.pooled if one.rows[0].kind == "base"]
    assert not both  # of one data set alone


def test_another_protocol_of_a_data_set_or_preset_is_pooled_with_nothing(store: RecordStore) -> None:
    records = [*stored(store, {}), *stored(store, {}, fields={"protocol_hash": "ab"}, rng_seed=1)]
    other = {"preset": "small", "dataset": {"name": "cub200", "fingerprint": "f2"}}
    records += stored(store, {}, fields=other, rng_seed=2)
    assert not effects(records, store).pooled


def test_data_sets_with_words_and_so_protocols_of_their_own_are_pooled(store: RecordStore) -> None:
    other = {"protocol_hash": "ab", "dataset": {"name": "cub200", "fingerprint": "f2"}}
    found = effects([*stored(store, {}), *stored(store, {}, fields=other, rng_seed=1)], store)
    assert {one.pooled.settings for one in found.pooled} == {2}


def test_the_newest_record_of_a_cell_counts(store: RecordStore) -> None:
    old = list(stored(store, {"gsa": 0.5}))
    new = list(stored(store, {}, rng_seed=1, fields={"created": "2026-02-02T00:00:00+00:00"}))
    row = of(effects([*new, *old], store), "loss")["gsa"]
    assert row.effect is not None
    assert abs(row.effect.estimate) < 0.01
    assert row.with_ == 12


def test_heads_on_the_same_codes_are_one_training(store: RecordStore) -> None:
    records = list(stored(store, {"gsa": 0.04}))
    again = [r.model_copy(update={"head_seed": 7, "key": f"h{i}", "per_example": None}) for i, r in enumerate(records)]
    assert of(effects([*records, *again], store), "loss")["gsa"].with_ == 12


def test_broken_scores_leave_the_part_of_images_out(store: RecordStore) -> None:
    records = list(stored(store, {"gsa": 0.04}))
    for record in records[:2]:
        store.path_of(record).with_suffix(".npz").write_bytes(b"junk")
    row = of(effects(records, store), "loss")["gsa"]
    assert row.effect is not None
    assert row.effect.estimate == pytest.approx(0.04, abs=0.01)


def test_the_order_of_records_changes_nothing(store: RecordStore) -> None:
    records = [*stored(store, {"gsa": 0.04}), *stored(store, {"mtp": 0.1}, base="vqvae", rng_seed=1)]
    mixed = records.copy()
    random.Random(1).shuffle(mixed)
    assert to_markdown(effects(mixed, store)) == to_markdown(effects(records, store))


def test_nothing_to_tell_is_a_sentence() -> None:
    for records in ([], [a_record("vqgan", 0.5)], [a_record("vqgan", None)]):
        assert "No record has losses of language around a base" in to_markdown(effects(records))


def test_two_states_of_a_task_are_kept_apart(store: RecordStore) -> None:
    records = [*stored(store, {}), *stored(store, {}, fields={"protocol_hash": "ab"}, rng_seed=1)]
    titles = {row.title for row in effects(records, store).rows}
    assert len(titles) == 2
    assert all("protocol" in title for title in titles)


def test_many_designs_are_told_in_one_pass() -> None:
    records = [
        made(a_setting(subset, gsa=i), 0.5, seed) for i in range(40) for subset in subsets()[1:] for seed in (0, 1)
    ]
    records += [made(a_setting(), 0.5, seed) for seed in (0, 1)]
    found = effects(records)
    assert sum(row.kind == "loss" for row in found.rows) == 120
