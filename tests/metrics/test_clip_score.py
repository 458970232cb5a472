"""CLIP score and R-precision: known answers, and that degraded images score worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError
from bench.images import to_float
from bench.metrics.clip_score import clip_score, cosines, r_precision
from bench.text.load import load_image_text_encoder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory):
    made = EmojiScenes(size=32, limits={"train": 8, "validation": 8, "test": 200})
    split = made.split("test", tmp_path_factory.mktemp("cache"))
    captions = [own[0] for own in split.captions]
    return np.asarray(split.images), captions, load_image_text_encoder("tiny-clip")


def test_the_score_is_two_and_a_half_times_the_cosine_and_never_negative() -> None:
    found = np.array([[0.4, 0.9], [0.1, -0.2]], np.float32)
    assert clip_score(found).tolist() == pytest.approx([1.0, 0.0])


def test_cosines_are_those_of_the_encoder(scenes) -> None:
    images, captions, encoder = scenes
    found = cosines(encoder, images[:3], captions[:2])
    pictures = encoder.encode_images(to_float(images[:3], torch.device("cpu")))
    texts = encoder.encode(encoder.tokenize(captions[:2]))[1]
    for row in range(3):
        for column in range(2):
            expected = torch.cosine_similarity(pictures[row], texts[column], dim=0)
            assert found[row, column] == pytest.approx(float(expected), abs=1e-5)


def test_r_precision_is_one_for_perfect_features_and_one_in_a_hundred_for_noise() -> None:
    captions = [str(number) for number in range(400)]
    perfect = np.eye(400, dtype=np.float32)
    assert r_precision(perfect, captions, np.random.default_rng(0)).mean() == 1
    assert r_precision(-perfect, captions, np.random.default_rng(0)).mean() == 0
    noise = np.random.default_rng(1).normal(size=(400, 400)).astype(np.float32)
    repeated = [r_precision(noise, captions, np.random.default_rng(seed)).mean() for seed in range(20)]
    assert np.mean(repeated) == pytest.approx(0.01, abs=0.01)


def test_a_caption_of_the_same_wording_is_no_distractor() -> None:
    same = np.array([[0.5, 0.9], [0.9, 0.5]], np.float32)
    assert r_precision(np.pad(same, (0, 1)), ["a", "a", "b"], np.random.default_rng(0)).tolist()[:2] == [1, 1]
    with pytest.raises(ValueError, match="all captions are the same"):
        r_precision(same, ["a", "a"], np.random.default_rng(0))


def test_true_images_fit_their_captions_better_the_less_they_are_degraded(scenes) -> None:
    images, captions, encoder = scenes
    noise = np.random.default_rng(0).normal(size=images.shape)
    degraded = [np.clip(images + level * noise, 0, 255).astype(np.uint8) for level in (0, 25, 60)]
    found = [cosines(encoder, some, captions) for some in [*degraded, np.roll(images, 1, axis=0)]]
    scores = [float(clip_score(some).mean()) for some in found]
    assert scores == sorted(scores, reverse=True)
    precisions = [float(r_precision(some, captions, np.random.default_rng(0)).mean()) for some in found]
    assert precisions[0] > 0.85
    assert min(precisions[:2]) > precisions[2] > precisions[3]
    assert precisions[3] < 0.05


def test_an_encoder_without_images_is_an_error_one_can_act_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.text import load

    class OnlyText:
        pass

    monkeypatch.setattr(load, "load_text_encoder", lambda name, device: OnlyText())
    with pytest.raises(DataError, match="no image tower"):
        load_image_text_encoder("minilm")
