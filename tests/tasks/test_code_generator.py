"""Generators of codes: what they learn, what they are told, and that a fit is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.squares import CPU, PIXELS, decode, world
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.task import Work
from bench.errors import DataError
from bench.presets import Budget
from bench.registry import methods
from bench.tasks.parts.generator.fit import Fitted, fitted
from bench.tasks.parts.generator.model import Autoregressive, Context, NoCondition, no_indices
from bench.tasks.parts.generator.sample import make_images
from bench.tasks.parts.generator.text_condition import TextCondition
from bench.tasks.parts.networks.decoding import Sampling
from bench.text.load import load_text_encoder

BUDGET = Budget(steps=120, batch_size=32, learning_rate=4e-3, width=32, layers=1)
SAMPLING = Sampling(guidance=2.0)


def given(codes: Codes, split: Split, budget: Budget = BUDGET, seed: int = 0) -> Work:
    """One split and its codes for training and test alike."""
    return Work({"train": codes, "test": codes}, {"train": split, "test": split}, budget, seed, CPU)


def fit(cache: Path | None = None, seed: int = 0, budget: Budget = BUDGET) -> Fitted:
    codes, split = world(256, 0)
    tests = {"test": [own[0] for own in world(40, 1)[1].captions]}
    encoder = load_text_encoder("tiny-clip")
    work = given(codes, replace(split, cache=cache), budget, seed)
    return fitted(Autoregressive, lambda: TextCondition(encoder, split, tests, budget.width, seed), work)


@pytest.fixture(scope="module")
def told() -> Fitted:
    return fit()


def test_images_are_what_their_captions_say(told: Fitted) -> None:
    codes, split = world(40, 1)
    made = make_images(told.generator, given(codes, split), "test", SAMPLING)
    assert made.images.shape == split.images.shape
    assert (made.images == split.images).all(axis=(1, 2, 3)).mean() > 0.9
    assert made.ms_per_image > 0


def test_without_a_condition_all_kinds_of_images_come_and_are_sound() -> None:
    generator, _ = fitted(Autoregressive, lambda: NoCondition(32), given(*world(256, 0)))
    test, test_split = world(100, 1)
    found = generator.sample("test", np.arange(100), 4, Sampling(), torch.Generator().manual_seed(0), None)
    assert (found[:, 2] == (found[:, 0] + 1) % 4).float().mean() > 0.9
    assert set(found[:, 0].tolist()) == {0, 1, 2, 3}
    work = given(test, test_split)
    images = make_images(generator, work, "test", Sampling(), given=lambda whole: whole[:, :2]).images
    assert (
        images[:, :8]
        == decode(torch.from_numpy(test.array)).add(1).mul(127.5).round()[:, :, :8].permute(0, 2, 3, 1).numpy()
    ).all()
    assert (images[:, 8:] == PIXELS[test.array][:, 1:].repeat(8, axis=1).repeat(8, axis=2)).mean() > 0.9


def test_images_hide_their_codes_in_the_share_of_the_fit_to_come() -> None:
    torch.manual_seed(0)
    model = Autoregressive(4, 32, 1, context=1, length=4).eval()
    context = Context(torch.randn(64, 1, 32), torch.ones(64, 1, dtype=torch.bool))
    ids = torch.randint(0, 4, (64, 4))
    hidden = model.decoder(ids[:, :-1], *context, torch.ones(64, dtype=torch.bool))
    seen = model.decoder(ids[:, :-1], *context)
    for done, logits in ((0.0, hidden), (1.0, seen)):
        expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
        torch.testing.assert_close(model.loss(context, ids, done), expected)


def test_residual_levels_are_flattened_and_come_back() -> None:
    generator = np.random.default_rng(0)
    array = np.repeat(generator.integers(0, 4, (128, 2, 2, 1)), 2, axis=3).astype(np.int32)
    seen = []

    def decode_levels(indices: Tensor) -> Tensor:
        seen.append(indices)
        return decode(indices[..., 0])

    codes = Codes(array, torch.randn(2, 4, 6), True, decode_levels)
    work = given(codes, world(128, 0)[1])
    model, _ = fitted(Autoregressive, lambda: NoCondition(32), work)
    make_images(model, work, "test", Sampling())
    assert seen[0].shape[1:] == (2, 2, 2)
    assert (seen[0][..., 0] == seen[0][..., 1]).float().mean() > 0.9


def test_the_same_seed_gives_the_same_images(told: Fitted) -> None:
    test = world(40, 1)
    one, again, other = (
        make_images(fit_.generator, given(*test, seed=seed), "test", Sampling(temperature=3.0)).images
        for fit_, seed in ((told, 0), (fit(), 0), (told, 1))
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_fit_is_kept_and_found_again(tmp_path: Path) -> None:
    short = Budget(steps=3, batch_size=8, learning_rate=1e-3, width=32, layers=1)
    first = fit(tmp_path, budget=short)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = fit(tmp_path, budget=short)
    assert again.seconds == first.seconds
    assert file.stat().st_mtime_ns == written
    assert not again.generator.training
    for name, value in first.generator.state_dict().items():
        assert torch.equal(value, again.generator.state_dict()[name])
    fit(tmp_path, seed=1, budget=short)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_fit_is_made_anew(tmp_path: Path) -> None:
    short = Budget(steps=1, batch_size=8, learning_rate=1e-3, width=32, layers=1)
    first = fit(tmp_path, budget=short).generator.state_dict()
    (file,) = tmp_path.rglob("value.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    again = fit(tmp_path, budget=short).generator.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_an_image_without_a_caption_is_an_error() -> None:
    encoder = load_text_encoder("tiny-clip")
    with pytest.raises(DataError, match="without a caption"):
        TextCondition(encoder, Split("train", np.zeros((2, 8, 8, 3), np.uint8), [["one"], []]), {}, 32, 0)


def test_only_methods_without_indices_are_left_out() -> None:
    left_out = [entry.name for entry in methods.entries() if no_indices(entry.load()(**entry.facts.arguments))]
    assert left_out == ["identity"]
