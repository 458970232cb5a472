"""Which records are found to be a design, and which are said to be none."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from helpers.made_designs import LOSSES, SOURCES, a_design, a_setting, arguments_of, made, subsets
from helpers.made_records import a_record

from bench.effects.designs import Design, cells, designs, places
from bench.effects.matched import Matched, matched
from bench.records.record import Record


def found(records: Iterable[Record]) -> tuple[list[Design], list[Matched]]:
    every: tuple[list[Design], list[Matched]] = [], []
    for place, group in places(records):
        of_place = cells(group, SOURCES)
        made_designs = designs(place, of_place, SOURCES)
        every[0].extend(made_designs)
        every[1].extend(matched(place, of_place, made_designs, SOURCES))
    return every


def test_a_base_and_seven_subsets_are_one_design() -> None:
    (design,), pairs = found(a_design(seeds=2))
    assert design.complete
    assert design.factors == LOSSES
    assert (design.setting.base, design.setting.guide, design.setting.text_encoder) == ("vqgan", "lgvq", "tiny-clip")
    assert set(design.rows) == set(map(frozenset, subsets()))
    assert {len(rows) for rows in design.rows.values()} == {2}
    assert not pairs
    assert not design.missing()


def test_registered_names_are_as_good_as_arguments() -> None:
    records = [
        made({"method": name, "arguments": arguments_of(name), "text_encoder": "tiny-clip"})
        for name in ("lgvq", *(f"lgvq-{'-'.join(subset)}" for subset in subsets() if 0 < len(subset) < 3))
    ]
    (design,), _ = found([*records, made(a_setting())])
    assert design.complete


def test_what_is_missing_is_named_and_never_guessed() -> None:
    records = [made(a_setting(subset)) for subset in [(), ("gsa",), LOSSES]]
    (design,), _ = found(records)
    assert not design.complete
    assert len(design.rows) == 3
    assert design.missing() == [("mtp",), ("ras",), ("gsa", "mtp"), ("gsa", "ras"), ("mtp", "ras")]
    (design,), _ = found([made(a_setting(LOSSES)), made(a_setting((), revive="features"))])
    assert list(design.rows) == [frozenset(LOSSES)]  # that base is another than the one that was wrapped
    assert () in design.missing()


def test_only_successful_records_count_and_controls_of_tasks_do_not() -> None:
    failed = [record.model_copy(update={"status": "failed"}) for record in a_design(seeds=1)]
    assert found(failed) == ([], [])
    assert found([a_record("blind", 0.5)]) == ([], [])


@pytest.mark.parametrize(
    ("guided", "base"),
    [
        ({}, {"init": "uniform", "revive": "none"}),
        ({"init": "uniform"}, {}),
        ({"init": "features"}, {"init": "features"}),
        ({"init": "kmeans", "revive": "features", "codes": 64}, {"init": "kmeans", "revive": "features", "codes": 64}),
        ({"variant": "paper"}, {"legacy": False}),
        ({"variant": "paper", "legacy": True}, {"legacy": True}),
    ],
)
def test_the_base_alone_is_the_one_that_was_wrapped(guided: dict[str, object], base: dict[str, object]) -> None:
    others = [made(a_setting((), beta=0.5)), made(a_setting((), "vqvae")), made(a_setting((), codes=7))]
    alone = made(a_setting((), **base))
    (design,), _ = found([made(a_setting(LOSSES, **guided)), alone, *others])
    assert design.rows[frozenset()] == (alone,)


def test_another_switch_data_set_protocol_text_encoder_or_preset_is_another_design() -> None:
    both = a_design(seeds=1)
    variants = [
        *both,
        *(made(a_setting(subset, variant="paper")) for subset in subsets()[1:]),
        made(a_setting((), legacy=False)),
    ]
    assert [(d.complete, dict(d.setting.others)["variant"]) for d in found(variants)[0]] == [
        (True, '"released"'), (True, '"paper"'),
    ]  # fmt: skip
    for change in ({"preset": "small"}, {"protocol_hash": "ab"}, {"task": "captioning"}):
        moved = [record.model_copy(update=change) for record in both[1:]]
        assert not any(design.complete for design in found([both[0], *moved])[0])
    other = [r.model_copy(update={"text_encoder": "minilm"}) for r in both[1:]]
    assert [design.complete for design in found([*both, *other])[0]] == [True, True]  # one base serves both
    assert [design.complete for design in found([*both[:4], *other[3:]])[0]] == [False, False]


def test_a_base_from_elsewhere_is_matched_by_what_both_say() -> None:
    def theirs(losses: Iterable[str], **given: object) -> Record:
        method = a_setting(losses, "vqgan", init=given.get("init"))
        return made({**method, "arguments": method["arguments"] | {"base": "theirs"}})

    plain = [made({"method": "theirs", "arguments": {"width": 3, "init": init}}) for init in ("a", "features")]
    guided = [theirs(subset) for subset in subsets()[1:]]
    assert [design.complete for design in found([*guided, plain[0]])[0]] == [True]
    (design,), _ = found([*guided, *plain])
    assert (design.complete, design.ambiguous) == (False, 2)
    (design,), _ = found([*(theirs(subset, init="features") for subset in subsets()[1:]), *plain])
    assert design.rows[frozenset()] == (plain[1],)


def test_losses_that_the_method_does_not_have_do_not_count() -> None:
    (design,), _ = found([*a_design(seeds=1), made(a_setting(("gsa", "<script>")))])
    assert design.complete
    many = made({"method": "mine", "arguments": {"base": "vqgan", "losses": [f"l{i}" for i in range(60)]}})
    (design,), _ = found([many])
    assert (design.complete, design.missing()) == (False, [])


def test_codebook_use_is_compared_with_and_without_each_subset() -> None:
    records = [*a_design(seeds=1), *a_design(seeds=1, init="features"), made(a_setting((), init="kmeans"))]
    _, pairs = found(records)
    assert [(p.change, p.against, len(p.pairs)) for p in pairs] == [
        ("init=features", "init=uniform", 8), ("init=kmeans", "init=uniform", 1),
    ]  # fmt: skip
    for with_, without in pairs[0].pairs:
        assert with_[0].method.arguments["init"] == "features"
        assert with_[0].method.arguments.get("losses") == without[0].method.arguments.get("losses")


def test_init_and_revival_are_told_apart() -> None:
    settings = [{"init": init, "revive": revive} for init in ("uniform", "features") for revive in ("none", "features")]
    _, pairs = found([made(a_setting((), **given)) for given in settings])
    assert [(p.change, len(p.pairs)) for p in pairs] == [("init=features", 2), ("revive=features", 2)]


def test_bases_are_compared_under_the_same_losses_and_arguments() -> None:
    records = [*a_design("vqgan", 1), *a_design("vqvae", 1), *a_design("vqgan", 1, init="features")]
    _, pairs = found([*records, made(a_setting((), "vqvae", beta=0.5))])
    assert [(p.kind, p.change, p.against, len(p.pairs)) for p in pairs] == [
        ("codebook use", "init=features", "init=uniform", 8), ("base", "vqvae", "vqgan", 8),
    ]  # fmt: skip


def test_the_order_of_records_changes_nothing() -> None:
    records = [*a_design(seeds=2), *a_design("vqvae", 2, init="features")]
    newer = made(a_setting(), 0.9, day=2)
    mixed = [*records, newer]
    random.Random(0).shuffle(mixed)
    assert repr(found(mixed)) == repr(found([newer, *records]))
    assert found(mixed)[0][0].rows[frozenset()][0] == newer


def test_many_methods_are_not_compared_each_with_each() -> None:
    count = 1500
    records = [made(a_setting(("gsa",), gsa=i)) for i in range(count)]
    records += [
        made({"method": f"m{i}", "arguments": {"base": f"b{i % 9}", "losses": ["a"], "x": i}}) for i in range(count)
    ]
    records += [made({"method": f"b{i % 9}", "arguments": {"x": i}}) for i in range(count)]
    of_place, pairs = found(records)
    assert (len(of_place), len(pairs)) == (2 * count, 0)
