"""Whatever stands in a data set's annotation files: examples, or the project's own data error."""

from __future__ import annotations

import contextlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from helpers.miniatures import WRITERS, folder_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import DataError
from bench.registry import datasets

ANNOTATIONS = {
    "textcaps": ["TextCaps_0.1_train.json", "TextCaps_0.1_val.json"],
    "celebahq": ["train/filenames.pickle", "test/filenames.pickle", "celeba-caption/2500.txt"],
    "cub200": ["CUB_200_2011/images.txt", "CUB_200_2011/train_test_split.txt", "CUB_200_2011/bounding_boxes.txt"],
    "coco": ["annotations/captions_val2014.json", "annotations/instances_val2014.json"],
    "cocoqa": ["test/questions.txt", "test/answers.txt", "test/img_ids.txt", "test/types.txt"],
    "vqav2": ["v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"],
    "refcoco": ["refcoco/refs(unc).p", "refcoco/instances.json"],
    "imagenet": ["LOC_synset_mapping.txt"],
    "folder": ["captions.jsonl", "captions.csv"],
    "flickr8k": [
        "Flickr8k_text/Flickr8k.token.txt",
        "Flickr8k_text/Flickr_8k.testImages.txt",
        "Flickr30kEntities/Annotations/500010.xml",
        "Flickr30kEntities/Sentences/500010.txt",
    ],
    "daquar": ["qa.894.raw.test.txt", "test.txt"],
    "webdataset": ["train-000000.tar", "test-000000.tar"],
}
ODD = st.sampled_from(["../../x", "/etc/passwd", "\ud800", "", "1" * 5_000, 2**70, 1e308, -1])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | ODD
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
BYTES = st.binary(max_size=12) | st.sampled_from([b"\n", b'"', b"[", b"{", b"\0", b"\xff", b" ", b",", b"/../"])


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    for name, write in WRITERS.items():
        write(root / name)
    folder_csv(root / "folder")
    return root


def test_every_data_set_is_fuzzed() -> None:
    assert set(ANNOTATIONS) == {entry.name for entry in datasets.entries() if entry.facts.reads_files}


def spoil_bytes(data: bytes, draw: Any) -> bytes:
    """Cut out a piece and put something else there, or cut off the rest."""
    start = draw(st.integers(0, len(data)))
    length = draw(st.integers(0, 40) | st.just(len(data)))
    return data[:start] + draw(BYTES) + data[start + length :]


def spoil_value(value: Any, draw: Any) -> Any:
    """Put any value in some place, or take a key away."""
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return value
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
            place = place[key]
        elif isinstance(place, dict) and draw(st.booleans()):
            del place[key]
            return value
        else:
            place[key] = draw(VALUES)
            return value


def spoil(path: Path, data: bytes, draw: Any) -> bytes:
    if draw(st.booleans()):
        return spoil_bytes(data, draw)
    if path.suffix == ".json":
        return json.dumps(spoil_value(json.loads(data), draw)).encode()
    if path.suffix in (".p", ".pickle"):
        try:
            return pickle.dumps(spoil_value(pickle.loads(data), draw), 2)
        except UnicodeEncodeError:  # a lone surrogate is not written
            return b""
    return spoil_bytes(data, draw)


@pytest.mark.parametrize("name", sorted(ANNOTATIONS))
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_other_error_than_the_projects_own(name: str, roots: Path, data: st.DataObject) -> None:
    root = roots / name
    dataset = datasets.get(name).load()(size=16, root=root)
    file = root / data.draw(st.sampled_from(ANNOTATIONS[name]))
    whole = file.read_bytes()
    try:
        file.write_bytes(spoil(file, whole, data.draw))
        for split in dataset.splits:
            with contextlib.suppress(DataError):
                examples = dataset.choose(dataset.listing(root, split), split)
                for example in examples[:3]:
                    with contextlib.suppress(DataError):
                        example.image.read()
                        if example.mask is not None:
                            example.mask.paint((40, 40))
    finally:
        file.write_bytes(whole)
