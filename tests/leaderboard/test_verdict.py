"""Ten lines at most that say what the records prove, and nothing that they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_designs import a_setting, made, stored, subsets
from helpers.made_records import a_record, shown

from bench.leaderboard.board import render
from bench.leaderboard.verdict import LINES, verdict_lines
from bench.records.record import MethodUsed, Record
from bench.records.store import RecordStore


def lines_of(store: RecordStore) -> list[str]:
    found = store.all()
    return verdict_lines(render(found.records, store, found.problems))


def test_a_loss_that_helps_is_named_with_its_interval(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    list(stored(store, {"gsa": 0.05}))
    lines = lines_of(store)
    (gsa,) = (line for line in lines if line.startswith("gsa: "))
    assert gsa.startswith("gsa: raises VQA accuracy (+5.")
    assert "points" in gsa
    for other in ("mtp", "ras"):
        (line,) = (line for line in lines if line.startswith(f"{other}: "))
        assert line.startswith((f"{other}: changes by less than the margin", f"{other}: cannot be told for"))


def test_where_a_loss_was_found_to_help_is_said_once(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    list(stored(store, {"gsa": 0.05}))
    once_each = [made(a_setting(subset, "vqvae"), 0.5, seed=0) for subset in subsets()]
    lines = verdict_lines(render([*store.all().records, *once_each], store))
    (gsa,) = (line for line in lines if line.startswith(("gsa: ", "gsa (")))
    assert gsa.startswith("gsa (lgvq on vqgan): raises VQA accuracy (+5.")
    assert gsa.count("lgvq on vqgan") == 1


def _on(base: str, gsa: float, noise: float) -> list[Record]:
    return [
        made(a_setting(losses, base), 0.5 + gsa * ("gsa" in losses) + noise * (-1) ** (seed + len(losses)), seed=seed)
        for losses in subsets()
        for seed in (0, 1)
    ]


def test_two_designs_are_told_one_by_one() -> None:
    """That two vague effects happen to be alike makes neither of them sure."""
    lines = verdict_lines(render([*_on("vqgan", 0.05, 0.001), *_on("vqvae", 0.05, 0.15)]))
    (gsa,) = (line for line in lines if line.startswith("gsa ("))
    assert gsa.startswith("gsa (lgvq on vqgan): raises VQA accuracy (+5.0 ")
    assert " gsa (lgvq on vqvae): cannot be told for VQA accuracy (+" in gsa


def test_three_designs_are_told_together() -> None:
    lines = verdict_lines(render([*_on("vqgan", 0.05, 0.001), *_on("vqvae", 0.05, 0.001), *_on("cvq", 0.05, 0.001)]))
    (gsa,) = (line for line in lines if line.startswith("gsa ("))
    assert gsa.startswith("gsa (3 designs): raises VQA accuracy (+5.0")


def test_without_a_complete_design_it_says_what_is_missing() -> None:
    records = [made(a_setting(losses), seed=seed) for losses in ((), ("gsa",)) for seed in (0, 1)]
    lines = verdict_lines(render(records))
    assert any(line.startswith("What single losses of language do cannot be told: ") for line in lines)
    assert any("2 of 8 subsets" in line for line in lines)


def test_ten_lines_are_enough_for_any_number_of_data_sets_and_tasks() -> None:
    records = [
        a_record(method, 0.5 + seed / 100, seed=seed, task=task, dataset={"name": f"d{data}", "fingerprint": "f"})
        for method in ("vqgan", "fsq", "cvq")
        for task in ("vqa", "captioning", "detail", "t2i")
        for data in range(12)
        for seed in (0, 1)
    ]
    lines = verdict_lines(render(records))
    assert len(lines) <= LINES
    assert all(len(line) < 2000 for line in lines)
    assert "and 6 more" in lines[0]


def test_what_was_left_out_and_what_failed_is_counted() -> None:
    board = render([a_record("a", 0.5), a_record("b", None)], problems=["x.json: not a record"])
    assert (
        verdict_lines(board)[0]
        == "1 method on emoji-scenes, preset tiny; cells: 1 ok, 0 skipped, 1 failed; 1 file left out."
    )


def test_one_training_each_proves_nothing() -> None:
    lines = verdict_lines(render([a_record("a", 0.9), a_record("b", 0.1)]))
    assert lines[1:] == [
        "Nothing can be called the best: that takes two methods of equal bits, one of them trained twice."
    ]


@pytest.mark.parametrize(
    ("better", "line"),
    [(0.9, "May be the best, among equal bits: vqa: a."), (0.5, "Any method may be the best in vqa.")],
)
def test_the_best_is_named_where_it_can_be_told(better: float, line: str) -> None:
    records = [a_record(m, v + s / 1000, seed=s) for m, v in (("a", better), ("b", 0.5)) for s in (0, 1, 2)]
    assert line in verdict_lines(render(records))


def test_a_task_whose_controls_are_out_of_order_is_named() -> None:
    control = a_record("identity", 0.2).model_copy(update={"method": MethodUsed(name="identity", control=True)})
    lines = verdict_lines(render([control, a_record("a", 0.9)]))
    assert lines[-1] == "Controls are out of order, so that methods cannot be judged, in vqa."


def test_tasks_in_which_methods_reach_the_top_are_named() -> None:
    def at(task: str, best: float) -> list[Record]:
        controls = [
            a_record(name, value, task=task).model_copy(update={"method": MethodUsed(name=name, control=True)})
            for name, value in (("untrained", 0.2), ("identity", best))
        ]
        return [*controls, a_record("a", 0.9, task=task), a_record("b", 0.8, task=task)]

    lines = verdict_lines(render([*at("vqa", 0.9), *at("captioning", 0.95)]))
    assert lines[-1] == "Within twice the noise of identity, which quantizes nothing: some methods in vqa."


def test_hostile_names_are_harmless_on_the_page() -> None:
    text = shown([a_record(f"<script>a{seed}\x1b[31m|`", 0.5 + seed / 100, seed=seed % 2) for seed in range(4)])
    part = text.split("## Verdict")[1].split("\n## ")[0]
    assert "<script>" not in part.replace("\\<script\\>", "")
    assert "\x1b" not in text
