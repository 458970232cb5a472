"""What every data set must do, whichever it is, and the form in which it is prepared."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.contracts.data import Box, DataSet, Question
from bench.data.pixels import prepared
from bench.registry import datasets
from bench.system.files import ROOT, whole_folder
from bench.system.kept import kept_folder

LIMITS = {"train": 40, "validation": 12, "test": 12}
NAMES = datasets.names()


@pytest.fixture(params=NAMES)
def dataset(request: pytest.FixtureRequest, miniatures: Path) -> DataSet:
    entry = datasets.get(request.param)
    root = miniatures / request.param if entry.facts.reads_files else None
    return entry.load()(size=32, limits=LIMITS, root=root)


def test_every_split_offers_what_the_data_set_says(
    dataset: DataSet, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    offers = datasets.get(request.node.callspec.params["dataset"]).facts.offers
    assert {"train", "validation", "test"} <= set(dataset.splits)
    for name in dataset.splits:
        split = dataset.split(name, tmp_path)
        assert 0 < len(split) <= LIMITS["test" if name.startswith("test") else name]
        assert split.images.dtype == np.uint8
        assert split.images.shape[1:] == (32, 32, 3)
        assert isinstance(split.images, np.memmap)
        if "captions" in offers:
            assert len(split.captions) == len(split)
            assert all(captions and all(caption.strip() for caption in captions) for captions in split.captions)
        if "questions" in offers:
            assert {question.image for question in split.questions} == set(range(len(split)))
            assert all(isinstance(answer, str) for question in split.questions for answer in question.answers)
            assert all(question.text and question.answer and question.kind for question in split.questions)
        if "boxes" in offers:
            for box in split.boxes:
                x, y, width, height = box.box
                assert 0 < width <= 1
                assert 0 < height <= 1
                assert -1e-6 <= x - width / 2 <= x + width / 2 <= 1 + 1e-6
                assert -1e-6 <= y - height / 2 <= y + height / 2 <= 1 + 1e-6
        if "masks" in offers:
            assert split.masks is not None
            assert split.masks.shape == split.images.shape[:3]


def test_the_same_arguments_give_the_same_bytes(dataset: DataSet, tmp_path: Path) -> None:
    one, two = (dataset.split("test", tmp_path / name) for name in ("a", "b"))
    assert np.array_equal(one.images, two.images)
    assert one.captions == two.captions
    assert one.questions == two.questions
    assert one.boxes == two.boxes


def test_another_size_is_another_fingerprint(dataset: DataSet) -> None:
    other = replace(dataset, size=16)
    assert other.fingerprint() != dataset.fingerprint() == replace(dataset).fingerprint()


def test_splits_share_no_image(dataset: DataSet, tmp_path: Path) -> None:
    seen: dict[bytes, str] = {}
    for name in dataset.splits:
        for image in dataset.split(name, tmp_path).images:
            assert seen.setdefault(image.tobytes(), name) == name


def notes() -> prepared.Annotations:
    return prepared.Annotations(
        [["a"], ["b", "c"]], [Question(1, "q?", "a", "k", ("x", "y"))], [Box(0, "e", (0.5, 0.5, 1, 1))]
    )


def prepare(folder: Path, fill: int = 0) -> None:
    with whole_folder(folder) as scratch:
        write(scratch, fill)


def write(folder: Path, fill: int = 0) -> None:
    writer = prepared.Writer(folder, 2, 4, masks=True)
    assert writer.masks is not None
    writer.images[1] = fill
    writer.masks[0] = 3
    writer.finish(notes())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    prepare(tmp_path / "data" / "test", 7)
    split = prepared.read("test", tmp_path / "data" / "test")
    assert split.images[1].max() == split.images[1].min() == 7
    assert split.masks is not None
    assert split.masks[0].min() == 3
    assert split.captions == notes().captions
    assert split.questions == notes().questions
    assert split.boxes == notes().boxes


def test_an_interrupted_preparation_leaves_nothing_that_could_be_read(tmp_path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), whole_folder(tmp_path / "test") as scratch:
        prepared.Writer(scratch, 2, 4, masks=False)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_killed_preparation_is_never_read(tmp_path: Path) -> None:
    half = (
        "import sys, time; from pathlib import Path; from bench.data.pixels.prepared import Writer\n"
        "from bench.system.files import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as scratch:\n"
        "    writer = Writer(scratch, 2, 4, masks=False); writer.images[0] = 9; writer.images.flush()\n"
        "    print('half', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "test"
    with subprocess.Popen([sys.executable, "-c", half, str(folder)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert not folder.exists()
    prepare(folder)
    assert prepared.read("test", folder).images.max() == 0


def test_the_later_of_two_preparations_drops_its_copy(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "test") as scratch:
        prepare(tmp_path / "test", 1)
        (scratch / "mine").touch()
    assert prepared.read("test", tmp_path / "test").images.max() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["test"]


@pytest.mark.parametrize("name", ["annotations.json", "images.npy"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2", b"\x80\x04K\x01."])
def test_a_folder_of_another_form_is_made_anew(tmp_path: Path, name: str, content: bytes) -> None:
    """Sealed as it is, so that only reading it tells."""

    def other_form(folder: Path) -> None:
        write(folder)
        (folder / name).write_bytes(content)

    kept_folder(tmp_path / "test", other_form, lambda folder: None)
    split = kept_folder(tmp_path / "test", write, lambda folder: prepared.read("test", folder))
    assert split.captions == notes().captions
    assert split.images.shape == (2, 4, 4, 3)
