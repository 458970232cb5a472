"""What every registered method promises, so that a new one is tested without editing a test."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import pytest
import torch
from helpers.small_text import SmallText
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.contracts.method import Batch, Method, Tokenizer
from bench.presets import PRESETS
from bench.registry import methods

SMOKE = PRESETS["smoke"]
TEXT = SmallText()
ADVERSARIAL = SMOKE.discriminator_start
NAMES = methods.names()


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small lose time to a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def method(name: str) -> Method:
    entry = methods.get(name)
    made: Method = entry.load()(**entry.facts.arguments)
    return made


def build(name: str) -> Tokenizer:
    missing = method(name).missing()
    if missing:
        pytest.skip(f"{name}: {missing}")
    torch.manual_seed(0)
    return method(name).build(SMOKE, "emoji-scenes", TEXT if method(name).needs_text else None)


def images(count: int = 7, seed: int = 0) -> Tensor:
    """Smooth random images: noise would look alike to an untrained encoder."""
    noise = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(noise, SMOKE.image_size, mode="bicubic").clamp(-1, 1)


def batch(name: str, seed: int = 0) -> Batch:
    return Batch(images(8, seed), TEXT.batch(8, seed) if method(name).needs_text else None)


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack([loss for name, loss in losses.items() if not name.startswith("_")]).sum()


def steps(tokenizer: Tokenizer, name: str, count: int) -> None:
    tokenizer.train()
    weights = [weight for weight in tokenizer.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, SMOKE.learning_rate, SMOKE.betas)
    torch.manual_seed(1)
    for step in range(count):
        optimizer.zero_grad()
        total(tokenizer.losses(batch(name, step), ADVERSARIAL + step)).backward()
        optimizer.step()


@functools.cache
def trained(name: str) -> Tokenizer:
    tokenizer = build(name)
    steps(tokenizer, name, 3)
    tokenizer.eval()
    return tokenizer


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_plain_and_frozen(name: str) -> None:
    made = method(name)
    assert dataclasses.is_dataclass(made)
    assert made.paper
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.paper_again = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_every_codebook_can_have_another_size(name: str) -> None:
    tokenizer = build(name)
    if not tokenizer.discrete:
        assert not hasattr(method(name), "codes")
        return
    torch.manual_seed(0)
    larger = dataclasses.replace(method(name), codes=128).build(SMOKE, "emoji-scenes", TEXT)  # type: ignore[type-var]
    assert tokenizer.codebook.shape[-2] == SMOKE.codes
    assert larger.codebook.shape[-2:] == (128, SMOKE.width)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_types(name: str) -> None:
    tokenizer = trained(name)
    codebook = tokenizer.codebook
    with torch.inference_mode():
        found = tokenizer.encode(images())
        decoded = tokenizer.decode(found)
    assert math.prod(tokenizer.grid) == SMOKE.grid**2  # as many positions for every method, in a square or a row
    assert found.shape[:3] == (7, *tokenizer.grid)
    assert decoded.shape == (7, 3, SMOKE.image_size, SMOKE.image_size)
    assert decoded.isfinite().all()
    if not tokenizer.discrete:
        assert found.dtype == torch.float32
        assert found.shape[3:] == codebook.shape[1:]
        assert len(codebook) == 0
        return
    assert found.dtype == torch.int64
    assert found.shape[3:] == codebook.shape[:-2]  # a level of residual codes each
    assert 0 <= found.min() <= found.max() < codebook.shape[-2]


@pytest.mark.parametrize("name", NAMES)
def test_training_is_determined_by_the_seed(name: str) -> None:
    again = build(name)
    steps(again, name, 3)
    first, second = trained(name).state_dict(), again.state_dict()
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_trained_weight_gets_a_gradient(name: str) -> None:
    tokenizer = build(name)
    losses = tokenizer.train().losses(batch(name), ADVERSARIAL)
    assert all(loss.ndim == 0 and loss.isfinite() for loss in losses.values())
    total(losses).backward()
    trainable = {key: weight for key, weight in tokenizer.named_parameters() if weight.requires_grad}
    assert [key for key, weight in trainable.items() if weight.grad is None or not weight.grad.isfinite().all()] == []
    moved = {key for key, weight in trainable.items() if weight.grad is not None and weight.grad.abs().max() > 0}
    codebook = [key for key in trainable if key.endswith("codebook")]
    assert moved.issuperset(codebook)
    assert any("encoder" in key for key in moved) or not any("encoder" in key for key in trainable)  # a frozen one
    assert any("decoder" in key for key in moved)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_tokenizer_gives_the_same_codes(name: str) -> None:
    tokenizer = trained(name)
    state = {key: value.contiguous() for key, value in tokenizer.state_dict().items()}
    torch.manual_seed(9)
    loaded = method(name).build(SMOKE, "emoji-scenes", TEXT if method(name).needs_text else None)
    loaded.load_state_dict(load(save(state)), strict=True)
    loaded.eval()
    with torch.inference_mode():
        first, second = tokenizer.encode(images()), loaded.encode(images())
        assert torch.equal(first, second)
        assert torch.equal(tokenizer.decode(first), loaded.decode(second))
        assert torch.equal(tokenizer.codebook, loaded.codebook)


@pytest.mark.parametrize("name", NAMES)
def test_codes_do_not_depend_on_how_a_batch_is_cut(name: str) -> None:
    tokenizer = trained(name)
    with torch.inference_mode():
        together = tokenizer.encode(images())
        apart = torch.cat([tokenizer.encode(image[None]) for image in images()])
    torch.testing.assert_close(apart, together)
