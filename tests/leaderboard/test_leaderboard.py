"""What the leaderboard says about records of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.board import render
from bench.leaderboard.formats import to_csv, to_json, to_tex
from bench.leaderboard.markdown import to_markdown
from bench.records.record import MethodUsed
from bench.records.store import RecordStore


def test_no_records_is_a_sentence_not_a_crash() -> None:
    board = render([])
    assert "No records yet" in to_markdown(board)
    assert "No records yet" in to_tex(board)
    assert to_csv(board).count("\n") == 1
    assert json.loads(to_json(board)) == {"records": [], "sections": []}


def test_methods_are_ordered_by_the_metric_and_blind_comes_last_in_italics() -> None:
    blind = a_record("blind", 0.9, arguments={"kind": "question only"})
    table = rows(shown([a_record("vqvae", 0.5), blind, a_record("lgvq", 0.7)]))
    assert list(table) == ["method", "lgvq", "vqvae", "*blind (question only)*"]
    assert table["method"] == ["accuracy ↑", "against", "rank", "bits", "train s", "seeds"]
    assert table["lgvq"] == ["0.700", "—", "—", "—", "—", "1"]
    assert table["*blind (question only)*"] == ["0.900", "—", "—", "—", "—", "1"]


def test_lower_is_better_turns_the_order_and_the_arrow() -> None:
    table = rows(shown([a_record(m, v, metric="l1", higher=False) for m, v in (("a", 0.03), ("b", 0.01))]))
    assert list(table) == ["method", "b", "a"]
    assert table["method"][0] == "l1 ↓"
    assert table["b"][0] == "0.0100"


def test_arguments_are_shown_where_rows_of_one_method_differ() -> None:
    both = [a_record("lgvq", 0.5 + beta, arguments={"beta": beta, "k": 512}) for beta in (0.1, 0.2)]
    other_text = a_record("vqct", 0.1, text_encoder="minilm")
    assert list(rows(shown([*both, other_text]))) == ["method", "lgvq (beta=0.2)", "lgvq (beta=0.1)", "vqct"]
    same = [a_record("lgvq", 0.5, text_encoder=text, key=f"k{text}") for text in ("minilm", "tiny-clip")]
    assert set(rows(shown(same))) == {"method", "lgvq (text_encoder=minilm)", "lgvq (text_encoder=tiny-clip)"}


def test_arguments_that_are_not_set_are_left_out_where_the_others_tell_rows_apart() -> None:
    given: list[dict[str, object]] = [{"codes": None, "init": None}, {"codes": 64, "init": None}]
    records = [a_record("vqgan", 0.5, arguments=arguments) for arguments in given]
    assert set(rows(shown(records))) == {"method", "vqgan", "vqgan (codes=64)"}


def test_failed_skipped_and_missing_are_visible_with_their_reasons() -> None:
    text = shown(
        [
            a_record("lgvq", 0.7),
            a_record("vqvae", None),
            a_record("identity", None, status="skipped", reason="no indices"),
            a_record("vqgan", 0.4, task="reconstruction", metric="psnr"),
        ]
    )
    table = rows(text)
    assert table["vqvae [2]"] == table["identity [1]"] == ["—"] * 6
    assert "- [2] failed: TrainingDiverged: loss is NaN" in text
    assert "- [1] skipped: no indices" in text
    assert "No record: vqgan." in text


def test_warnings_and_mixed_code_and_unlike_images_are_footnotes() -> None:
    warned = a_record("a", 0.7, warnings=["codebook collapsed"])
    mixed = [a_record("b", 0.6, seed=seed, code=f"c{seed}") for seed in (0, 1)]
    fewer = a_record("c", 0.5, dataset={"name": "emoji-scenes", "fingerprint": "f1", "used": {"test": 150}})
    text = shown([warned, *mixed, fewer])
    assert "warning: codebook collapsed" in text
    assert "its seeds ran different versions of the code" in text
    assert "used other images than most: 150 test" in text
    assert "Cells: 4 ok. Images: 200 test." in text


def test_the_newest_record_of_a_cell_counts() -> None:
    old, new = a_record("lgvq", 0.9, day=1), a_record("lgvq", 0.3, day=2)
    assert rows(shown([new, old]))["lgvq"][0] == "0.300"
    assert "0.9" not in to_csv(render([new, old]))
    failed = a_record("lgvq", None, day=3)
    assert rows(shown([failed, new, old])) == {"method": [], "lgvq [1]": []}


def test_two_settings_of_a_task_stand_side_by_side_and_an_old_version_does_not() -> None:
    gpt, diffusion = ({"version": 2, "generator": name} for name in ("gpt", "diffusion"))
    records = [
        a_record("a", 0.5, protocol=gpt, day=1),
        a_record("b", 0.6, protocol=gpt, day=1),
        a_record("a", 0.3, protocol=diffusion, day=2),
        a_record("a", 0.9, protocol={"version": 1}, day=3),
    ]
    text = shown(records)
    assert "Not comparable with the first table of this task: generator: diffusion, not gpt" in text
    assert "0.500" in text
    assert "0.300" in text
    assert "0.900" not in text


def test_unlike_protocols_are_never_in_one_table() -> None:
    records = [
        a_record("a", 0.5),
        a_record("b", 0.4),
        a_record("c", 0.9, protocol={"words": 16}),
        a_record("c", 0.1, task="reconstruction", metric="psnr"),
    ]
    text = shown(records)
    assert list(rows(text)) == ["method", "a", "b", "c [1]"]
    assert "has this task under another protocol only" in text
    assert "Not comparable with the first table of this task: words: 16, not 12." in text
    assert list(rows(text, "### vqa, protocol cafe3136")) == ["method", "c"]


def test_another_data_set_fingerprint_is_another_table() -> None:
    other = a_record("b", 0.6, dataset={"name": "emoji-scenes", "fingerprint": "f2"})
    text = shown([a_record("a", 0.5), a_record("c", 0.5), other])
    assert list(rows(text)) == ["method", "a", "c", "b [1]"]
    assert "data set fingerprint: f2, not f1" in text


def test_unreadable_scores_are_a_note(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    record = store.write(a_record("a", 0.6), {"accuracy": np.arange(N) < 120})
    store.path_of(record).with_suffix(".npz").write_bytes(b"junk")
    assert "- [1] per-example scores are missing or broken" in shown([record], store)


def test_variants_follow_the_main_metrics() -> None:
    names = ["psnr@new", "accuracy", "accuracy/color", "accuracy@new", "psnr"]
    metrics = {name: {"value": 0.5, "n": N, "higher_is_better": True, "unit": ""} for name in names}
    columns = render([a_record("a", 0.5, metrics=metrics)]).sections[0].tables[0].columns
    assert [column.name for column in columns] == ["accuracy", "psnr", "accuracy/color", "accuracy@new", "psnr@new"]


def test_controls_are_shown_in_italics_after_the_methods() -> None:
    control = a_record("identity", 0.99).model_copy(update={"method": MethodUsed(name="identity", control=True)})
    table = rows(shown([control, a_record("lgvq", 0.7), a_record("vqgan", 0.6)]))
    assert list(table) == ["method", "lgvq", "vqgan", "*identity*"]


def test_counts_of_cells_say_what_is_missing() -> None:
    text = shown([a_record("a", 0.5), a_record("b", None), a_record("c", None, status="skipped", reason="no codes")])
    assert "Cells: 1 failed, 1 ok, 1 skipped." in text


def test_all_metrics_are_folded_below() -> None:
    metrics = {
        name: {"value": value, "n": N, "higher_is_better": True, "unit": "", "error": 0.01}
        for name, value in (("accuracy", 0.7), ("wups_0.9", 0.8))
    }
    text = shown([a_record("a", metrics=metrics)])
    folded = text.split("<details><summary>All metrics of vqa</summary>")[1].split("</details>")[0]
    assert "| a | 0.700 ± 0.020 | 0.800 ± 0.020 | 200 |" in folded


def test_what_the_paper_reports_stands_beside_what_was_measured_on_the_same_data_set() -> None:
    data = {"name": "cocoqa", "fingerprint": "f", "used": {"test": N}}
    text = shown([a_record("vqgan", 0.3, dataset=data), a_record("fsq", 0.4, dataset=data)])
    assert "reported, another protocol" in text
    assert "| Table 9 | VQ-GAN | accuracy (%) | 37.82 | vqgan: 30.00 |" in text
    assert "| Table 9 | LG-VQ | accuracy (%) | 40.97 | — |" in text
    assert "Table 1 " not in text
    assert "reported, another protocol" not in shown([a_record("vqgan", 0.3)])
