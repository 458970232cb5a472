"""Records: round trip, refusal of what is not finite, atomicity, concurrency, hostile files."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bench import files
from bench.errors import RecordError, UsageError
from bench.records import Record, RecordStore, now


def a_record(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "key": "k" * 64,
        "status": "ok",
        "method": {"name": "lgvq", "arguments": {"beta": 0.25, "losses": ("gsa", "ras")}},
        "task": "vqa",
        "dataset": {"name": "emoji-scenes", "fingerprint": "f1", "planned": {"test": 4}, "used": {"test": 4}},
        "seed": 0,
        "preset": "tiny",
        "protocol": {"words": 12},
        "protocol_hash": "p1",
        "code": "c1",
        "metrics": {"accuracy": {"value": 0.75, "n": 4, "higher_is_better": True, "unit": ""}},
        "created": now(),
    }
    return Record.model_validate(fields | changes)


def test_round_trip_with_scores_and_samples(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    scores = {"accuracy/color": np.array([1.0, 0.0]), "image": np.array([3, 4])}
    written = store.write(a_record(), scores, {"answers.txt": "réd", "grid.png": b"\x89PNG"})
    path = tmp_path / "emoji-scenes" / "lgvq" / "vqa" / f"{written.key}.json"
    assert store.path_of(written) == path
    assert store.get(written.key) == written
    assert store.all() == ([written], [])
    found = store.scores(written)
    assert {name: (array.tolist(), array.dtype.name) for name, array in found.items()} == {
        "accuracy/color": ([1.0, 0.0], "float32"),
        "image": ([3, 4], "int32"),
    }
    assert [(path.parent / name).read_bytes() for name in written.samples] == ["réd".encode(), b"\x89PNG"]


def test_text_is_canonical(tmp_path: Path) -> None:
    written = RecordStore(tmp_path).write(a_record(cost={"train_s": 0.1 + 0.2}))
    text = RecordStore(tmp_path).path_of(written).read_text()
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"
    assert '"schema": 1' in text
    assert "0.30000000000000004" in text


def test_equal_scores_give_equal_bytes() -> None:
    arrays = {"b": np.arange(3), "a": np.linspace(0, 1, 5)}
    assert files.pack_vectors(arrays) == files.pack_vectors(dict(reversed(arrays.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    store = RecordStore(tmp_path)
    metric = {"psnr": {"value": value, "n": 1, "higher_is_better": True, "unit": "dB"}}
    with pytest.raises(RecordError, match="not finite: psnr"):
        store.write(a_record(metrics=metric))
    with pytest.raises(RecordError, match="not finite"):
        store.write(a_record(cost={"train_s": value}))
    assert store.all() == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../escape"},
        {"key": ""},
        {"status": "done"},
        {"status": "failed"},
        {"created": "2026-01-01T00:00:00"},
        {"created": "yesterday"},
        {"per_example": "../other.npz"},
        {"samples": ["../../secret.txt"]},
        {"samples": [f"{'k' * 64}/.."]},
        {"protocol": {"what": object()}},
        {"surprise": 1},
    ],
)
def test_fields_are_validated(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_record(**changes)


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "results")
    written = store.write(a_record(task="../../../evil", method={"name": ".."}))
    assert store.path_of(written).resolve().is_relative_to(tmp_path / "results")
    assert store.get(written.key) == written
    with pytest.raises(RecordError, match="not a file in"):
        store.write(a_record(), samples={"../evil.txt": "x"})


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_write_that_breaks_leaves_no_record_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    replace, calls = os.replace, []

    def breaks(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == step + 1:
            raise OSError(28, "No space left on device")
        replace(source, target)

    store = RecordStore(tmp_path)
    monkeypatch.setattr(os, "replace", breaks)
    with pytest.raises(RecordError, match="No space left"):
        store.write(a_record(), {"accuracy": np.ones(4)}, {"a.txt": "x"})
    assert store.all() == ([], [])
    assert not list(tmp_path.rglob("*.tmp"))
    store.write(a_record(), {"accuracy": np.ones(4)}, {"a.txt": "x"})
    assert len(store.all().records) == 1


def test_killed_between_the_files_leaves_the_old_record(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    before = store.write(a_record(), {"accuracy": np.ones(4)})
    program = (
        "import os, signal, sys, pathlib\n"
        "from bench import files, records\n"
        "replace = os.replace\n"
        "def dies(a, b):\n"
        "    if str(b).endswith('.json'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(a, b)\n"
        "os.replace = dies\n"
        "store = records.RecordStore(pathlib.Path(sys.argv[1]))\n"
        "record = store.all().records[0]\n"
        "store.write(record.model_copy(update={'seed': 7}), {'accuracy': [0.0] * 4})\n"
    )
    root = Path(files.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert store.all() == ([before], [])


def _writes(root: str, writer: int) -> None:
    store = RecordStore(Path(root))
    for turn in range(25):
        store.write(a_record(key="shared", seed=writer), {"accuracy": np.full(500, writer)}, {"a.txt": str(writer)})
        store.write(a_record(key=f"w{writer}-{turn}"))


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_writes, args=(str(tmp_path), writer)) for writer in (1, 2)]
    for writer in writers:
        writer.start()
    store = RecordStore(tmp_path)
    while any(writer.is_alive() for writer in writers):
        found = store.all()
        assert found.problems == []
        for record in found.records:
            store.scores(record)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(store.all().records) == 51
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"schema": 1}',
        b" " * (4 * 2**20 + 1),
    ],
    ids=["empty", "cut", "list", "binary", "deep", "huge number", "fields missing", "too large"],
)
def test_a_file_that_is_no_record_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record())
    broken = store.path_of(good).with_name("broken.json")
    broken.write_bytes(content)
    records, problems = store.all()
    assert records == [good]
    assert len(problems) == 1
    assert problems[0].startswith(f"{broken}: not a record")
    assert "\n" not in problems[0]
    with pytest.raises(RecordError, match="broken"):
        store.get("broken")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused_on_reading(tmp_path: Path, number: str) -> None:
    store = RecordStore(tmp_path)
    path = store.path_of(store.write(a_record()))
    path.write_text(path.read_text().replace("0.75", number))
    assert "not finite" in store.all().problems[0]


def test_a_record_in_the_wrong_place_and_a_newer_schema_are_reported(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    path = store.path_of(store.write(a_record()))
    (path.parent / "copy.json").write_text(path.read_text())
    (path.parent / "newer.json").write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    problems = store.all().problems
    assert "belongs at" in problems[0]
    assert "schema: Input should be 1" in problems[1]


def _npy(array: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=True)
    return packed.getvalue()


def _zip(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        _zip(a=_npy(np.array([{"x": 1}], dtype=object))),
        _zip(a=_npy(np.ones((2, 2), np.float32))),
        _zip(a=_npy(np.ones(2))),
        _zip(a=b"not an array"),
        _zip(a=_npy(np.ones(9, np.float32)).replace(b"(9,)", b"(99999999999999,)")),
        _zip(a=b"\0" * (2**28 + 1)),
    ],
    ids=["empty", "cut", "pickle", "matrix", "float64", "no array", "lying header", "bomb"],
)
def test_hostile_scores_are_refused(tmp_path: Path, content: bytes) -> None:
    store = RecordStore(tmp_path)
    record = store.write(a_record(), {"accuracy": np.ones(4)})
    store.path_of(record).with_suffix(".npz").write_bytes(content)
    with pytest.raises(RecordError, match="no per-example scores"):
        store.scores(record)


def test_missing_scores_are_an_error_and_none_are_none(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    record = store.write(a_record(), {"accuracy": np.ones(4)})
    store.path_of(record).with_suffix(".npz").unlink()
    with pytest.raises(RecordError):
        store.scores(record)
    assert store.scores(store.write(a_record(key="plain"))) == {}


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="not writable") as caught:
        RecordStore(tmp_path / "file" / "results").check_writable()
    assert "\n" not in str(caught.value)
    RecordStore(tmp_path / "new" / "results").check_writable()
    assert list((tmp_path / "new" / "results").iterdir()) == []


def test_unknown_keys_and_empty_stores(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "nothing here")
    assert store.all() == ([], [])
    assert store.get("abc") is None
    assert store.get("*") is None
    assert store.get("../abc") is None


def test_importing_is_light() -> None:
    program = "import sys, bench.records; print([m for m in ('torch', 'ray', 'pandas', 'numpy') if m in sys.modules])"
    root = Path(files.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
