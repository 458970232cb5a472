"""Every kind of kept file, damaged in every way: the right value comes back each time, and one line says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small_text import SmallText
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.contracts.data import Split
from bench.contracts.method import Batch, Tokenizer
from bench.data.emoji_scenes import EmojiScenes
from bench.data.folder import Folder
from bench.experiment.encode import encode_split
from bench.system.kept import kept, kept_folder
from bench.tasks.parts.networks.fit_once import fit_once
from bench.text.caption_features import CaptionFeatures

CPU = torch.device("cpu")
Value = list[object]
SIZES = {"train": 6, "validation": 2, "test": 2}


class Brightness(Tokenizer):
    """Each image's first pixel is its code."""

    grid = (2, 2)

    @property
    def codebook(self) -> Tensor:
        return torch.zeros(256, 1)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        return {}

    def encode(self, images: Tensor) -> Tensor:
        return (images[:, 0, :2, :2] * 127.5 + 127.5).round().long()

    def decode(self, indices: Tensor) -> Tensor:
        return torch.zeros(len(indices), 3, 2, 2)


def of_split(split: Split) -> Value:
    masks = None if split.masks is None else split.masks.tolist()
    strips = None if split.strips is None else split.strips.pixels.tolist()
    return [split.images.tolist(), masks, strips, split.captions, split.questions, split.boxes]


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 2, 2, 3)).astype(np.uint8)


def plain(root: Path, data: Path) -> Value:
    made = kept(root / "value.json", lambda: list(range(50)), lambda value: json.dumps(value).encode(), read_json)
    return list(made)


def read_json(path: Path) -> list[int]:
    return list(json.loads(path.read_text(encoding="utf-8")))


def arrays(root: Path, data: Path) -> Value:
    def fill(folder: Path) -> None:
        for name in "ab":
            np.save(folder / f"{name}.npy", images())

    def read(folder: Path) -> list[np.ndarray]:
        return [np.load(folder / f"{name}.npy", mmap_mode="r") for name in "ab"]

    return [array.tolist() for array in kept_folder(root / "arrays", fill, read)]


def codes(root: Path, data: Path) -> Value:
    return list(encode_split(Brightness(), Split("test", images()), root, CPU, lambda *_: None).array.tolist())


def captions(root: Path, data: Path) -> Value:
    split = Split("train", images()[:4], [["red cat", "dog"], ["blue boat"], ["w1 w2 w3"], ["tall hat"]])
    found = CaptionFeatures.prepare(split, SmallText(), root / "text")
    return [getattr(found, name).tolist() for name in ("ids", "tokens", "sentences", "starts", "first")]


def prepared(root: Path, data: Path) -> Value:
    return of_split(EmojiScenes(size=16, limits=SIZES).split("train", root))


def from_files(root: Path, data: Path) -> Value:
    return of_split(Folder(size=16, limits=SIZES, root=data / "folder", cache=root).split("train", root))


def weights(root: Path, data: Path) -> Value:
    model = nn.Linear(3, 2)

    def fit() -> float:
        nn.init.constant_(model.weight, 2.5)
        nn.init.zeros_(model.bias)
        return 1.5

    seconds = fit_once(model, fit, root / "model.safetensors")
    return [seconds, model.weight.tolist(), model.bias.tolist()]


def tokenizer(root: Path, data: Path) -> Value:
    def fill(folder: Path) -> None:
        save_file({"weight": torch.arange(40.0)}, folder / "tokenizer.safetensors")
        (folder / "training.json").write_text(json.dumps({"seconds": 1.5}))

    def read(folder: Path) -> Value:
        return [load_file(folder / "tokenizer.safetensors")["weight"].tolist(), read_json(folder / "training.json")]

    return kept_folder(root / "tokenizer", fill, read)


KINDS: dict[str, Callable[[Path, Path], Value]] = {
    kind.__name__: kind for kind in (plain, arrays, codes, captions, prepared, from_files, weights, tokenizer)
}


def second_half_zeros(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(len(data) - half)


def one_bit(data: bytes) -> bytes:
    place = len(data) * 2 // 3
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "minus one byte": lambda data: data[:-1],
    "zeros": lambda data: bytes(len(data)),
    "second half zeros": second_half_zeros,
    "random bytes": lambda data: np.random.default_rng(1).bytes(len(data)),
    "one bit": one_bit,
    "deleted": lambda data: None,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_value_comes_back(
    kind: str, tmp_path: Path, miniatures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = KINDS[kind](tmp_path, miniatures)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name == "SHA256SUMS" for path in files)
    for path, content in files.items():
        for name, damage in DAMAGES.items():
            damaged = damage(content)
            if damaged == content:  # a file that is half zeros, or empty
                continue
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            capsys.readouterr()
            assert KINDS[kind](tmp_path, miniatures) == expected, (path, name)
            told = capsys.readouterr().err
            if not path.name.startswith("digests-"):  # the memory of hashes is none of the values
                assert told.count("is damaged (") == told.count("); made anew\n") == 1, (path, name, told)
            assert KINDS[kind](tmp_path, miniatures) == expected
            assert "damaged" not in capsys.readouterr().err
    now = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert now == {path.relative_to(tmp_path) for path in files}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_too_many_or_a_file_or_link_in_its_place(kind: str, tmp_path: Path, miniatures: Path) -> None:
    expected = KINDS[kind](tmp_path, miniatures)
    (sums, *_) = tmp_path.rglob("SHA256SUMS")
    (sums.parent / "more").touch()
    assert KINDS[kind](tmp_path, miniatures) == expected
    assert not (sums.parent / "more").exists()
    kept_there = {path.name for path in sums.parent.iterdir()}
    for replace in (
        lambda path: path.write_bytes(b"kept in another form"),
        lambda path: path.symlink_to(tmp_path / "nowhere"),
        lambda path: path.mkdir(),
    ):
        sums.parent.rename(tmp_path / "aside")
        replace(sums.parent)
        assert KINDS[kind](tmp_path, miniatures) == expected
        assert {path.name for path in sums.parent.iterdir()} == kept_there
        for path in (tmp_path / "aside").iterdir():
            path.unlink()
        (tmp_path / "aside").rmdir()
