"""Records: round trip, refusal of what is not finite, atomicity, concurrency."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import a_record, write_in_turn

from bench.errors import RecordError, UsageError
from bench.records.store import RecordStore
from bench.system import files, vectors


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
    assert vectors.pack_vectors(arrays) == vectors.pack_vectors(dict(reversed(arrays.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    store = RecordStore(tmp_path)
    metric = {"psnr": {"value": value, "n": 1, "higher_is_better": True, "unit": "dB"}}
    with pytest.raises(RecordError, match="not finite: psnr"):
        store.write(a_record(metrics=metric))
    with pytest.raises(RecordError, match="not finite"):
        store.write(a_record(cost={"train_s": value}))
    assert store.all() == ([], [])


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
        "from bench.records.store import RecordStore\n"
        "replace = os.replace\n"
        "def dies(a, b):\n"
        "    if str(b).endswith('.json'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(a, b)\n"
        "os.replace = dies\n"
        "store = RecordStore(pathlib.Path(sys.argv[1]))\n"
        "record = store.all().records[0]\n"
        "store.write(record.model_copy(update={'seed': 7}), {'accuracy': [0.0] * 4})\n"
    )
    root = Path(files.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert store.all() == ([before], [])


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_in_turn, args=(str(tmp_path), writer)) for writer in (1, 2)]
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
    program = (
        "import sys, bench.records.store; print([m for m in ('torch', 'ray', 'pandas', 'numpy') if m in sys.modules])"
    )
    root = Path(files.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
