"""A folder of records with all that a report shows, some of it hostile."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.images import comparison_png, grid_png
from bench.records.record import MethodUsed, Record
from bench.records.store import RecordStore
from helpers.made_records import a_record

SCRIPT = "<script>alert(document.domain)</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m",
    '=HYPERLINK("http://example.org")',
    "abc\u202edcba",
    "a" * 110,
    "{{ 7 * 7 }}{% raw %}",
    "</script><!-- <script>",
)
"""Names of methods, which reach every part of the page."""
PROTOCOL = {"version": 1, "note": SCRIPT}
IMAGES = 50
SHOWN = 8
CODES = 64


def write_records(root: Path, hostile: Sequence[str] = HOSTILE) -> RecordStore:
    """Two methods, a control and a blind baseline on two tasks, methods of hostile names beside them, a broken file."""
    store = RecordStore(root)
    for number, (method, seeds) in enumerate({"vqgan": 3, "lgvq": 3, "identity": 1, "blind": 1}.items()):
        for seed in range(seeds):
            _reconstruction(store, method, seed, 22.0 + number)
            _vqa(store, method, seed, 0.5 + 0.1 * number)
    store.write(a_record("fsq", None, traceback="Traceback:\n  ValueError", protocol=PROTOCOL))
    store.write(
        a_record("fsq", status="skipped", reason="it has no codebook", task="t2i", metrics={}, protocol=PROTOCOL)
    )
    for number, name in enumerate(hostile):
        _vqa(store, name, 0, 0.3 + 0.01 * number, dangerous=True)
    (root / "emoji-scenes/vqgan/vqa/broken.json").write_text('{"key": "<script>alert(1)</script>')
    return store


def picture(seed: int = 0) -> np.ndarray:
    """Scenes uint8 [8, 16, 16, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (SHOWN, 4, 4, 3)).astype(np.uint8).repeat(4, 1).repeat(4, 2)


def _reconstruction(store: RecordStore, method: str, seed: int, psnr: float) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(psnr, 0.5, IMAGES)
    metrics = {"psnr": _mean(scores, "dB"), "ssim": _mean(np.full(IMAGES, 0.8))}
    samples: dict[str, bytes | str] = {
        "reconstructions.png": comparison_png(picture(), picture(1 + seed + int(psnr)), SHOWN, scale=2)
    }
    cost = {"eval_s": 1.0}
    if method not in ("blind", "identity"):
        metrics["perplexity"] = {"value": 20.0 + seed, "n": 800, "higher_is_better": None, "unit": ""}
        counts = sorted(rng.integers(0, 30, CODES).tolist(), reverse=True)
        samples["usage.json"] = json.dumps({"levels": [{"codes": CODES, "tokens": sum(counts), "counts": counts}]})
        samples["training.json"] = json.dumps({"losses": {"l1": [3.0, 2.0, 1.0], "discriminator": [None, 1.0, 0.9]}})
        samples["codebook.png"] = grid_png(picture(9)[:, :4, :4], 4)
        cost |= {"bits_per_position": 6.0, "tokens_per_image": 16.0, "positions_per_image": 16.0, "train_s": psnr}
    store.write(_record(method, seed, "reconstruction", metrics, cost), {"psnr": scores}, samples)


def _vqa(store: RecordStore, method: str, seed: int, share: float, dangerous: bool = False) -> None:
    right = (np.random.default_rng(seed).random(IMAGES) < share).astype(float)
    answers = ["yes" if is_right else "no" for is_right in right[:SHOWN]]
    said = [f"{SCRIPT} \x1b[1m", *answers[1:]] if dangerous else answers
    rows = "".join(f"| {i + 1} | is it red? | yes | {answer} |\n" for i, answer in enumerate(said))
    samples: dict[str, bytes | str] = {
        "questions.md": f"| image | question | answer | prediction |\n|--:|---|---|---|\n{rows}",
        "images.png": _bomb() if dangerous else grid_png(picture(), 4, scale=2),
    }
    warnings = [f"warning of {method}", SCRIPT] if dangerous else []
    record = _record(method, seed, "vqa", {"accuracy": _mean(right)}, {"eval_s": 2.0}, warnings)
    store.write(record, {"accuracy": right}, samples)


def _mean(scores: np.ndarray, unit: str = "") -> dict[str, Any]:
    return {
        "value": float(scores.mean()),
        "n": len(scores),
        "higher_is_better": True,
        "unit": unit,
        "over": "examples",
    }


def _record(
    method: str,
    seed: int,
    task: str,
    metrics: dict[str, Any],
    cost: dict[str, float],
    warnings: Sequence[str] = (),
) -> Record:
    record = a_record(
        method,
        seed=seed,
        task=task,
        metrics=metrics,
        cost=cost,
        warnings=list(warnings),
        protocol=PROTOCOL,
        env={"python": "3.11"},
    )
    arguments = {"kind": "mean"} if method == "blind" else {}
    used = MethodUsed(name=method, arguments=arguments, control=method == "identity")
    return record.model_copy(update={"method": used})


def _bomb() -> bytes:
    """A small PNG of very many pixels."""
    buffer = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(buffer, format="PNG")
    return buffer.getvalue()
