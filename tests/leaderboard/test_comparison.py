"""What a table says of a column: intervals, differences to a base, what may be the best, and when nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.board import render
from bench.leaderboard.comparison import table_value
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.statistics.trainings import trainings_of


def trained(method: str, values: Sequence[float], first: int = 0, **changes: object) -> list[Record]:
    """A record for each value, of the seeds that follow `first`."""
    return [a_record(method, value, seed=first + i, **changes) for i, value in enumerate(values)]  # type: ignore[arg-type]


def bold(records: Sequence[Record], store: RecordStore | None = None) -> set[str]:
    (section,) = render(records, store).sections
    table = section.tables[0]
    assert table.headline is not None
    return {row.label for row in table.rows if (value := row.values[table.headline]) is not None and value.best}


def ranks(records: Sequence[Record]) -> dict[str, tuple[int, int] | None]:
    (section,) = render(records).sections
    return {row.label: row.rank for row in section.tables[0].rows}


def test_one_training_has_an_interval_over_images(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    correct = np.arange(N) < 120
    store.write(a_record("one", 0.6), {"accuracy": correct})
    table = rows(shown(store.all().records, store))
    # 1.972 is the 97.5 % quantile of t with 199 degrees of freedom
    assert table["one"][0] == f"0.600 ± {1.972 * np.std(correct, ddof=1) / N**0.5:.3f}"


def test_trainings_without_images_have_a_t_interval() -> None:
    table = rows(shown(trained("three", (0.61, 0.64, 0.66))))
    # 4.3027 is that with 2 degrees of freedom
    assert table["three"][0] == f"0.637 ± {4.3027 * np.std((0.61, 0.64, 0.66), ddof=1) / 3**0.5:.3f}"


def test_an_interval_never_falls_below_the_noise_of_images(tmp_path: Path) -> None:
    """Many trainings that agree say nothing about other images."""
    store = RecordStore(tmp_path)
    correct = np.arange(N) < 120
    records = [store.write(record, {"accuracy": correct}) for record in trained("many", [0.6] * 10)]
    (section,) = render(records, store).sections
    value = section.tables[0].rows[0].values[0]
    assert value is not None
    assert value.over == "trainings and images"
    assert value.half_width == pytest.approx(1.972 * np.std(correct, ddof=1) / N**0.5, rel=1e-3)


@pytest.mark.parametrize(("right", "text"), [(0, "0.000 (0.000 to 0.015)"), (N, "1.000 (0.985 to 1.000)")])
def test_a_share_that_was_never_or_always_right_has_an_interval(tmp_path: Path, right: int, text: str) -> None:
    store = RecordStore(tmp_path)
    store.write(a_record("a", right / N), {"accuracy": np.arange(N) < right})
    store.write(a_record("b", 0.5), {"accuracy": np.arange(N) < N // 2})
    assert rows(shown(store.all().records, store))["a"][0] == text


def test_nothing_stands_behind_a_value_of_which_nothing_is_known() -> None:
    assert rows(shown([a_record("a", 0.6)]))["a"][0] == "0.600"
    assert table_value(trainings_of([], "accuracy", {})) is None


def test_with_one_training_each_nothing_is_marked(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for method, right in (("a", 190), ("b", 20)):
        store.write(a_record(method, right / N), {"accuracy": np.arange(N) < right})
    records = store.all().records
    assert bold(records, store) == set()
    assert {row[2] for row in rows(shown(records, store)).values()} == {"rank", "—"}


def test_the_best_and_what_cannot_be_told_from_it_are_marked() -> None:
    records = [*trained("a", (0.9, 0.91, 0.92)), *trained("b", (0.9, 0.92, 0.9)), *trained("c", (0.5, 0.51, 0.52))]
    assert bold(records) == {"a", "b"}
    assert ranks(records) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}


def test_a_better_method_is_marked_though_its_seeds_differ() -> None:
    """0.60, 0.85, 0.86 against 0.75: on the shared seed the other is ahead, and still nobody is told apart."""
    assert bold([*trained("a", (0.6, 0.85, 0.86)), *trained("b", (0.75,))]) == {"a", "b"}


def test_methods_without_a_shared_seed_are_compared_all_the_same() -> None:
    same = [*trained("a", (0.705, 0.71, 0.70)), *trained("b", (0.705, 0.70, 0.71), first=10)]
    assert bold(same) == {"a", "b"}
    apart = [*trained("a", (0.905, 0.91, 0.90)), *trained("b", (0.705, 0.70, 0.71), first=10)]
    assert bold(apart) == {"a"}


def test_less_may_be_better() -> None:
    assert bold([*trained("a", (0.9, 0.91), higher=False), *trained("b", (0.5, 0.51), higher=False)]) == {"b"}


def test_controls_are_never_marked() -> None:
    control = [
        record.model_copy(update={"method": record.method.model_copy(update={"control": True})})
        for record in trained("identity", (0.99, 0.98))
    ]
    assert bold([*control, *trained("a", (0.9, 0.91)), *trained("b", (0.5, 0.51))]) == {"a"}


def test_nothing_is_marked_where_nothing_can_be_compared() -> None:
    assert bold(trained("a", (0.5, 0.6))) == set()
    (section,) = render([*trained("a", (0.5, 0.6), higher=None), *trained("b", (0.7, 0.8), higher=None)]).sections
    assert not any(value.best for row in section.tables[0].rows for value in row.values if value)


def test_a_difference_says_when_it_is_of_these_trainings_only(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for method, right in (("lgvq", 130), ("vqgan", 120)):
        store.write(a_record(method, right / N), {"accuracy": np.arange(N) < right})
    table = rows(shown(store.all().records, store))
    assert table["method"][1] == "against vqgan"
    assert table["lgvq"][1].startswith("+0.050 ± ")
    assert table["lgvq"][1].endswith(" °")
    assert table["vqgan"][1] == "—"


def test_a_guided_method_is_compared_with_what_it_wraps() -> None:
    guided = {"base": "vqvae", "losses": ["gsa"], "variant": "released"}
    records = [
        *trained("lgvq-vae-gsa", (0.7, 0.71, 0.72), arguments=guided),
        *trained("vqvae", (0.5, 0.51, 0.52)),
        *trained("vqgan", (0.6, 0.61, 0.62)),
    ]
    table = rows(shown(records))
    assert table["method"][1] == "against"
    assert table["lgvq-vae-gsa"][1].startswith("+0.200 ± ")
    assert table["lgvq-vae-gsa"][1].endswith(" (vqvae)")
    assert table["vqvae"][1].endswith(" (vqgan)")
