"""A table says whether blind < untrained < learnt < identity in it, beyond twice the noise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.made_records import a_record

from bench.leaderboard.board import render
from bench.leaderboard.ladder import ladder, trouble
from bench.leaderboard.table import Table
from bench.noise.noise import Noise, Place
from bench.records.record import MethodUsed, Record

PLACE = Place(dataset="d", dataset_arguments={}, fingerprint="", preset="tiny", task="vqa", protocol_hash="")


def noise(total: float | None) -> Noise:
    return Noise(
        place=PLACE, metric="accuracy", unit="", headline=True, head=None, training=None, total=total, images=None,
        difference=None, methods=1, trainings=2, fits=2, head_freedom=0, total_freedom=1, smallest={},
    )  # fmt: skip


def control(name: str, value: float, higher: bool = True) -> Record:
    record = a_record(name, value, higher=higher)
    arguments = {"kind": "question only"} if name == "blind" else {}
    return record.model_copy(update={"method": MethodUsed(name=name, arguments=arguments, control=True)})


def table(*records: Record) -> Table:
    (section,) = render(records).sections
    return section.tables[0]


RUNGS = (control("blind", 0.2), control("untrained", 0.6), control("identity", 0.99))


def test_in_order() -> None:
    told = table(*RUNGS, a_record("a", 0.9), a_record("b", 0.8), control("random-codebook", 0.1))
    assert ladder(told) == (
        "From worst to best, accuracy should be blind 0.2, untrained 0.6, methods 0.8 to 0.9, identity 0.99; "
        "it is in this order (the noise is not known)."
    )


@pytest.mark.parametrize(
    ("total", "outcome"),
    [
        (0.04, "it is in this order by more than 0.080, twice the noise."),
        (0.06, "it is not in this order by more than 0.12, twice the noise: identity is no better than a."),
        (0.11, ": b is no better than untrained; identity is no better than a and b."),
    ],
)
def test_a_step_within_twice_the_noise_does_not_count(total: float, outcome: str) -> None:
    told = replace(table(*RUNGS, a_record("a", 0.9), a_record("b", 0.8)), noise=noise(total))
    assert (ladder(told) or "").endswith(outcome)


@pytest.mark.parametrize(
    ("rungs", "methods", "expected"),
    [
        (RUNGS, (0.9, 0.8), None),
        (RUNGS, (0.95, 0.8), "some at the top"),
        (RUNGS, (1.03, 0.8), "some at the top"),  # above identity, by less than noise
        (RUNGS, (0.95, 0.96), "all at the top"),
        (RUNGS, (1.08, 0.8), "out of order"),
        (RUNGS, (0.9, 0.61), "out of order"),  # no better than codes of which nothing is learnt
        (RUNGS, (0.95, 0.61), "out of order"),
        ((control("blind", 0.59), control("untrained", 0.6), control("identity", 0.99)), (0.9,), "out of order"),
        ((control("untrained", 0.6), control("identity", 0.62)), (), "out of order"),
        ((control("untrained", 0.6),), (0.61,), "out of order"),
        ((), (0.9, 0.8), None),
    ],
)
def test_a_method_as_good_as_no_quantization_is_not_the_task_s_fault(
    rungs: tuple[Record, ...], methods: tuple[float, ...], expected: str | None
) -> None:
    records = [*rungs, *(a_record(f"m{place}", value) for place, value in enumerate(methods))]
    assert trouble(replace(table(*records), noise=noise(0.03))) == expected


def test_less_is_at_the_top_too() -> None:
    rows = (control("untrained", 3.0, False), a_record("a", 2.52, higher=False), control("identity", 2.5, False))
    assert trouble(replace(table(*rows), noise=noise(0.03))) == "all at the top"
    assert trouble(replace(table(*rows), noise=noise(0.001))) is None


def test_a_method_with_an_alarm_has_no_place() -> None:
    flagged = a_record("collapsed", 0.1, warnings=("usage 0.002",))
    assert "methods 0.9," in (ladder(table(*RUNGS, a_record("a", 0.9), flagged)) or "")


def test_many_steps_are_a_short_sentence() -> None:
    """With dozens of methods it has to be one that people read."""
    many = [a_record(f"m{place}", 0.99) for place in range(10, 50)]
    assert (ladder(table(*RUNGS, *many)) or "").endswith(
        ": identity is no better than m10, m11, m12, m13, m14, m15 and 34 more."
    )
    low = [a_record(f"m{place}", 0.6) for place in range(8)]
    assert (ladder(table(*RUNGS, *low)) or "").endswith(
        ": m0, m1, m2, m3, m4, m5 and 2 more are no better than untrained."
    )


def test_less_may_be_better() -> None:
    lower = table(control("untrained", 3.0, False), a_record("a", 2.0, higher=False), control("identity", 2.5, False))
    assert (ladder(lower) or "").endswith(
        "it is not in this order (the noise is not known): identity is no better than a."
    )


def test_one_rung_has_no_order() -> None:
    assert ladder(table(a_record("a", 0.9), a_record("b", 0.8))) is None
