"""The judge: it tells what fits from what does not, shares nothing with tiny-clip, and says what it cannot judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError, NotMeasurable, UsageError
from bench.metrics.clip_score import cosines, r_precision
from bench.text import judge
from bench.text.judge import JudgeEncoder
from bench.text.load import load_image_text_encoder, load_text_encoder
from bench.text.tiny_clip import WEIGHTS

CPU = torch.device("cpu")


def test_it_tells_matched_from_unmatched_and_sees_places(tmp_path: Path) -> None:
    split = EmojiScenes(limits={"validation": 200}).split("validation", tmp_path)
    encoder = load_image_text_encoder("judge")
    captions = [own[0] for own in split.captions]
    found = cosines(encoder, split.images, captions)
    assert r_precision(found, captions, np.random.default_rng(0)).mean() > 0.9
    mirrored = cosines(encoder, np.ascontiguousarray(split.images[:, :, ::-1]), captions)
    assert (found.diagonal() > mirrored.diagonal()).mean() > 0.9


def test_padding_and_neighbours_change_nothing() -> None:
    encoder = load_text_encoder("judge")
    ids = encoder.tokenize(["a cat", "a cat at the top left and a dog at the bottom right on blue"])
    alone, together = encoder.encode(ids[:1, : int((ids[0] != 0).sum())]), encoder.encode(ids)
    torch.testing.assert_close(alone[1], together[1][:1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone[0], together[0][:1, : alone[0].shape[1]], rtol=1e-5, atol=1e-5)


def test_captions_of_another_world_are_not_judged() -> None:
    encoder = load_image_text_encoder("judge")
    assert encoder.encode_captions(["a zebra at the top left on blue"]).shape == (1, judge.EMBED)
    with pytest.raises(NotMeasurable, match=r"t2i\.judge=open_clip"):
        encoder.encode_captions(["this small bird has grey wings, its belly shines"])


def test_an_argument_that_means_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no argument"):
        JudgeEncoder("large", CPU)


@pytest.mark.parametrize("name", ["judge.json", "judge.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"3"])
def test_missing_or_damaged_weights_are_told(
    name: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in WEIGHTS.glob("judge.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(judge, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match=r"train_judge\.py"):
        JudgeEncoder("", CPU)
