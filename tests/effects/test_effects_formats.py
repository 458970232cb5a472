"""Effects as Markdown, text, JSON and TeX, from records that hold anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers.made_designs import a_setting, made, stored, subsets

from bench.effects.effect_rows import effects
from bench.effects.formats import WRITERS, to_json, to_tex
from bench.effects.report import to_markdown, to_text
from bench.effects.rows import Effects
from bench.records.record import Record
from bench.records.store import RecordStore

HOSTILE = "<script>\x1b[31m|`*[x](y)\n# &%$#_{}~^\\input{a}\u202e"


@pytest.fixture
def found(tmp_path: Path) -> Effects:
    store = RecordStore(tmp_path)
    records = [
        *stored(store, {"gsa": 0.04}),
        *stored(store, {"gsa": 0.04}, base="vqvae", rng_seed=1),
        *stored(store, {}, init="features", rng_seed=2, only=[(), ("gsa",)]),
    ]
    return effects(records, store)


def hostile() -> Effects:
    records: list[Record] = []
    for subset in subsets():
        arguments = {"base": HOSTILE, "losses": [f"{loss}{HOSTILE}" for loss in subset], "x": HOSTILE}
        setting = {"method": HOSTILE, "arguments": arguments if subset else {"y": HOSTILE}}
        for seed in (0, 1):
            fields = {
                "dataset": {"name": HOSTILE, "fingerprint": HOSTILE, "arguments": {"z": HOSTILE}},
                "preset": HOSTILE,
            }
            records.append(made(setting, 0.5 + seed / 7 + len(subset) / 9, seed, task=HOSTILE, **fields))
    for init in ("uniform", HOSTILE):
        records += [made(a_setting((), init=init), 0.5 + seed / 9, seed, task=HOSTILE) for seed in (0, 1, 2)]
    return effects(records)


def test_markdown_has_a_sentence_a_row(found: Effects) -> None:
    text = to_markdown(found)
    row = next(line for line in text.splitlines() if line.startswith("| lgvq on vqgan | gsa changes VQA accuracy by +"))
    assert "(12 trainings with, 12 without): raises it |" in row
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Effects", "## emoji-scenes, preset tiny", "### What losses of language add",
        "### What losses do together beyond their sum", "### What codebook use adds", "### What the base adds",
        "## Over bases and data sets", "## Designs that are not complete",
    ]  # fmt: skip
    assert "lgvq on vqgan (init=features): 2 of 8 subsets, 3 trainings of each, missing mtp, ras, gsa + mtp" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_text_is_the_same_in_sentences(found: Effects) -> None:
    lines = to_text(found).splitlines()
    assert any(line.startswith("  lgvq on vqgan: gsa changes VQA accuracy by +") for line in lines)
    assert lines[-1].startswith("not complete: ")


def test_json_has_all_numbers_and_none_that_json_has_not(found: Effects) -> None:
    fields = json.loads(to_json(found), parse_constant=lambda text: pytest.fail(text))
    assert set(fields) == {"rows", "pooled", "incomplete"}
    gsa = next(row for row in fields["rows"] if row["change"] == "gsa" and row["design"] == "lgvq on vqgan")
    assert set(gsa) == {
        "dataset", "dataset_arguments", "fingerprint", "preset", "task", "protocol_hash", "kind", "design", "change",
        "against", "metric", "unit", "higher_is_better", "margin", "effect", "p_adjusted", "trainings_with",
        "trainings_without", "pairs", "verdict", "sentence",
    }  # fmt: skip
    assert set(gsa["effect"]) == {
        "estimate", "low", "high", "half_width", "error", "error_of_trainings", "error_of_images", "freedom",
        "findable",
    }  # fmt: skip
    assert gsa["effect"]["estimate"] == pytest.approx(0.04, abs=0.01)
    assert gsa["effect"]["low"] < gsa["effect"]["estimate"] < gsa["effect"]["high"]
    assert (gsa["verdict"], gsa["margin"], gsa["trainings_with"]) == ("raises", 0.01, 12)
    assert gsa["p_adjusted"] < 0.05
    digits = re.findall(r"-?\d+\.(\d+)(?:e|,|\n)", to_json(found))
    assert max(map(len, digits)) <= 11  # six significant ones
    (incomplete,) = fields["incomplete"]
    assert incomplete["missing"][0] == ["mtp"]


def test_tex_is_one_table_a_data_set(found: Effects) -> None:
    text = to_tex(found)
    assert text.count(r"\begin{tabular}{lllrrll}") == text.count(r"\end{tabular}") == 1
    assert r"lgvq on vqgan & gsa & VQA accuracy & $+$" in text
    assert r" $\pm$ " in text
    assert r"gsa $\times$ mtp" in text


@pytest.mark.parametrize("name", [*WRITERS, "text"])
def test_nothing_in_records_is_acted_upon(name: str) -> None:
    text = {**WRITERS, "text": to_text}[name](hostile())
    assert "\x1b" not in text
    assert "\u202e" not in text
    if name == "md":
        assert not re.search(r"(?<!\\)<script>", text)
        assert not re.search(r"(?<!\\)\[x", text)
        assert not [line for line in text.splitlines() if line.startswith("# &")]
    elif name == "tex":
        body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
        assert r"\input" not in body
        assert r"\textbackslash{}input\{a\}" in body
        assert not re.search(
            r"(?<!\\)[#_%~^]", body.replace(r"\textasciitilde{}", "").replace(r"\textasciicircum{}", "")
        )
    elif name == "json":
        json.loads(text)


def test_endless_names_are_cut(tmp_path: Path) -> None:
    arguments = {"base": "b" * 5000, "losses": ["l" * 5000], "x": "y" * 5000}
    records = [made({"method": "m", "arguments": arguments | {"z": i}}) for i in (0, 1)]
    for write in WRITERS.values():
        text = write(effects(records))
        assert len(text) < 16000


def test_the_same_bytes_from_the_same_records(found: Effects, tmp_path: Path) -> None:
    stored_again = RecordStore(tmp_path)
    records = stored_again.all().records
    for write in WRITERS.values():
        assert write(effects(reversed(records), stored_again)) == write(found)
