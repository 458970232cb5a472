"""Records ready to be committed: all values, the scores that comparisons need, pictures of one training."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

from bench.leaderboard.board import render
from bench.leaderboard.markdown import to_markdown
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.system.files import ROOT
from tests.helpers.made_records import a_record

SLIM = runpy.run_path(str(ROOT / "scripts/slim_records.py"))["slim"]
RNG = np.random.default_rng(0)


def made(store: RecordStore, method: str, seed: int, day: int = 1) -> Record:
    """A record with scores of a metric, of a part and of a variant, pictures and numbers."""
    scores = {name: (RNG.uniform(size=200) < 0.7).astype(np.float32) for name in ("accuracy", "accuracy/color")}
    scores |= {"accuracy@novel-pairs": RNG.uniform(size=100).astype(np.float32), "images": np.arange(200) // 5}
    metrics = {
        name: {
            "value": float(values.mean(dtype=np.float64)), "n": len(values), "higher_is_better": True, "unit": "",
            "over": "examples", "clusters": "images" if len(values) == 200 else None, "error": 0.03,
        }
        for name, values in scores.items() if name != "images"
    }  # fmt: skip
    record = a_record(method, seed=seed, day=day, metrics=metrics)
    return store.write(record, scores, {"images.png": b"a picture", "usage.json": "[1]"})


def test_values_comparisons_and_one_training_s_pictures_stay(tmp_path: Path) -> None:
    source, target = RecordStore(tmp_path / "from"), RecordStore(tmp_path / "to")
    for method in ("vqgan", "lgvq"):
        for seed in (2, 0, 1):
            made(source, method, seed)
    assert SLIM(source, target) == (6, 0)
    kept = {(record.method.name, record.seed): record for record in target.all().records}
    for record in source.all().records:
        copy = kept[record.method.name, record.seed]
        assert copy.metrics == record.metrics
        assert target.scores(copy).keys() == {"accuracy", "accuracy/color", "images"}
        pictures = [name for name in copy.samples if name.endswith(".png")]
        assert len(pictures) == (1 if record.seed == 0 else 0)
        assert (target.path_of(copy).with_suffix("") / "usage.json").read_text(encoding="utf-8") == "[1]"
    boards = [to_markdown(render(store.all().records, store)) for store in (source, target)]
    assert boards[0] == boards[1]
    assert SLIM(source, target) == (0, 0)


def test_what_a_newer_record_has_taken_the_place_of_is_removed(tmp_path: Path) -> None:
    source, target = RecordStore(tmp_path / "from"), RecordStore(tmp_path / "to")
    old, other = made(target, "vqgan", 0), made(target, "cvq", 0)
    new = made(source, "vqgan", 0, day=2)
    assert SLIM(source, target) == (1, 1)
    assert {record.key for record in target.all().records} == {new.key, other.key}
    assert not target.path_of(old).with_suffix("").exists()
    assert not target.path_of(old).with_suffix(".npz").exists()
