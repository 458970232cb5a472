"""What a method promises, asked of networks that are built at preset `smoke` and trained for three steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from bench.check import common
from bench.check.method_trial import MethodTrial
from bench.check.report import Duty, Line, NotAsked, hold
from bench.check.samples import BUILT_IN, PRESET, Place
from bench.contracts.method import Tokenizer
from bench.contracts.registration import Entry
from bench.errors import ContractError
from bench.experiment.encode import check_tokenizer
from bench.registry import methods

COUNTS = (1, 7)
"""Images of the batches that are encoded and decoded."""


def check_method(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:
    """Ask all duties of a method."""
    return hold(plugin, entry.path, MethodTrial(entry, place.scratch), DUTIES)


def is_built(trial: MethodTrial) -> str:
    """What it wraps exists, and `build` gives a tokenizer with indices where the method says so; returns its size."""
    if base := trial.method.wraps():
        methods.get(base)
    if missing := trial.method.missing():
        raise NotAsked(missing)
    tokenizer = trial.build()
    if not isinstance(tokenizer, Tokenizer):
        raise ContractError(f"build returned a {type(tokenizer).__name__}, no bench.contracts.method.Tokenizer")
    if tokenizer.discrete is not trial.method.discrete:
        raise ContractError(
            f"discrete is {tokenizer.discrete} of the tokenizer and {trial.method.discrete} of the method"
        )
    return f"{sum(weight.numel() for weight in tokenizer.parameters()):,} parameters"


def encodes_and_decodes(trial: MethodTrial) -> None:
    """See `bench.experiment.encode.check_tokenizer`, which every run asks before it trains."""
    check_tokenizer(trial.build(), trial.entry.name, PRESET)


def has_a_codebook(trial: MethodTrial) -> str:
    """Code vectors [K, D] or [L, K, D], finite floats; [0, D] without indices. Returns the shape."""
    codebook, discrete = trial.build().codebook, trial.method.discrete
    shape = list(codebook.shape)
    if codebook.ndim not in (2, 3) or (len(codebook) == 0) is discrete:
        raise ContractError(f"the codebook is {shape}, not {'[K, D] or [L, K, D]' if discrete else '[0, D]'}")
    if not codebook.is_floating_point() or not codebook.isfinite().all():
        raise ContractError(f"the codebook holds {codebook.dtype} that are not all finite floats")
    return f"{shape}"


def starts_the_same(trial: MethodTrial) -> None:
    """Two tokenizers built from one seed have equal weights."""
    _check_equal(trial.build().state_dict(), trial.build().state_dict(), "of two tokenizers built with one seed")


def has_finite_losses(trial: MethodTrial) -> str:
    """Losses are finite scalars by name, at the first step and when all parts take part; returns the names."""
    tokenizer = _trainable(trial.build()).train()
    for step in (0, PRESET.discriminator_start):
        losses = tokenizer.losses(trial.batch(), step)
        if not any(not name.startswith("_") for name in losses):
            raise ContractError(f"losses of step {step} have nothing to minimise: {', '.join(losses) or 'none'}")
        for name, loss in losses.items():
            if not isinstance(loss, Tensor) or loss.ndim:
                raise ContractError(f"the loss {name!r} is {_shape(loss)}, no scalar tensor")
            if not loss.isfinite():
                raise ContractError(f"the loss {name!r} is {loss.item()} at step {step}")
    return ", ".join(losses)


def has_gradients(trial: MethodTrial) -> str:
    """The losses' gradient is finite and reaches parameters; returns how many of them."""
    tokenizer = _trainable(trial.build()).train()
    losses = tokenizer.losses(trial.batch(), PRESET.discriminator_start)
    torch.stack([loss for name, loss in losses.items() if not name.startswith("_")]).sum().backward()
    gradients = {name: weight.grad for name, weight in tokenizer.named_parameters() if weight.requires_grad}
    for name, gradient in gradients.items():
        if gradient is not None and not gradient.isfinite().all():
            raise ContractError(f"the gradient of {name} is not finite")
    reached = [name for name, gradient in gradients.items() if gradient is not None and gradient.abs().max() > 0]
    if not reached:
        raise ContractError(f"no gradient reaches any of {len(gradients)} parameters")
    return f"{len(reached)} of {len(gradients)} parameter tensors"


def trains(trial: MethodTrial) -> None:
    """Three steps of the real training loop, mixed precision included, leave finite weights."""
    for name, value in trial.trained.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ContractError(f"{name} is not finite after {PRESET.steps} steps of training")


def trains_the_same(trial: MethodTrial) -> None:
    """Two trainings with one seed give equal weights."""
    again = _trainable(trial.train())
    _check_equal(trial.trained.state_dict(), again.state_dict(), "of two trainings with one seed")


@torch.inference_mode()
def encodes_each_image_alone(trial: MethodTrial) -> None:
    """An image's codes are the same whatever batch it stands in."""
    images = trial.images(max(COUNTS))
    together = trial.trained.encode(images)
    alone = torch.cat([trial.trained.encode(image[None]) for image in images])
    if together.shape != alone.shape:
        raise ContractError(f"{len(images)} images give codes {_shape(together)}, one by one {_shape(alone)}")
    differing = ~torch.isclose(together, alone, rtol=1e-4, atol=1e-5)  # of indices: exactly
    if differing.any():
        share = f"{int(differing.sum())} of {differing.numel()}"
        raise ContractError(f"{share} codes depend on the batch that an image stands in")


@torch.inference_mode()
def decodes_batches(trial: MethodTrial) -> None:
    """Codes of one image and of several become finite images of the size that was encoded."""
    for count in COUNTS:
        images = trial.images(count)
        decoded = trial.trained.decode(trial.trained.encode(images))
        if decoded.shape != images.shape:
            raise ContractError(f"codes of images {_shape(images)} are decoded to {_shape(decoded)}")
        if not decoded.isfinite().all():
            raise ContractError(f"decoded images are not finite in a batch of {count}")


@torch.inference_mode()
def encodes_without_learning(trial: MethodTrial) -> None:
    """Encoding and decoding in evaluation mode change no weight and no buffer."""
    tokenizer = trial.trained
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    tokenizer.decode(tokenizer.encode(trial.images(max(COUNTS))))
    _check_equal(before, tokenizer.state_dict(), "of a tokenizer before and after encoding")


@torch.inference_mode()
def is_saved_whole(trial: MethodTrial) -> None:
    """What safetensors writes and a new tokenizer reads gives the same codes, images and codebook."""
    state = {name: value.contiguous() for name, value in trial.trained.state_dict().items()}
    torch.manual_seed(1)
    again = trial.method.build(PRESET, BUILT_IN, trial.text)
    again.load_state_dict(load(save(state)), strict=True)
    again.eval()
    images = trial.images(max(COUNTS))
    codes = trial.trained.encode(images)
    same = {
        "codes": (codes, again.encode(images)),
        "decoded images": (trial.trained.decode(codes), again.decode(codes)),
        "codebook": (trial.trained.codebook, again.codebook),
    }
    for what, (before, after) in same.items():
        if not torch.equal(before, after):
            raise ContractError(f"after saving and loading, the {what} differ: something is not in the state_dict")


def takes_another_size(trial: MethodTrial) -> str:
    """With another `codes` the codebook has that many; returns the number."""
    method: Any = trial.method
    if "codes" not in {field.name for field in dataclasses.fields(method)}:
        raise NotAsked("it has no argument 'codes'")
    if not method.discrete:
        raise NotAsked("it has no indices")
    larger = 2 * PRESET.codes
    tokenizer = trial.build(dataclasses.replace(method, codes=larger))
    if tokenizer.codebook.shape[-2] != larger:
        raise ContractError(f"with codes={larger} the codebook is {_shape(tokenizer.codebook)}")
    check_tokenizer(tokenizer, trial.entry.name, PRESET)
    return f"K = {larger}"


DUTIES = (
    Duty[MethodTrial](common.ABOUT, lambda trial: common.check_about(trial.entry)),
    Duty[MethodTrial](common.CLASS, lambda trial: common.check_contract(trial.entry), first=True),
    Duty[MethodTrial](common.ARGUMENTS, lambda trial: common.check_arguments(trial.entry)),
    Duty[MethodTrial]("builds at preset smoke", is_built, first=True),
    Duty[MethodTrial]("turns images into codes and back", encodes_and_decodes, first=True),
    Duty[MethodTrial]("has a codebook", has_a_codebook, first=True),
    Duty[MethodTrial]("starts from the same weights with the same seed", starts_the_same),
    Duty[MethodTrial]("can have another number of codes", takes_another_size),
    Duty[MethodTrial]("has finite losses", has_finite_losses),
    Duty[MethodTrial]("passes gradients to its parameters", has_gradients),
    Duty[MethodTrial]("stays finite in training", trains, first=True),
    Duty[MethodTrial]("ends with the same weights with the same seed", trains_the_same),
    Duty[MethodTrial]("encodes each image whatever its batch", encodes_each_image_alone),
    Duty[MethodTrial]("decodes batches of 1 and 7", decodes_batches),
    Duty[MethodTrial]("learns nothing while it encodes", encodes_without_learning),
    Duty[MethodTrial]("is the same after saving and loading", is_saved_whole),
)


def _trainable(tokenizer: Tokenizer) -> Tokenizer:
    if not any(weight.requires_grad for weight in tokenizer.parameters()):
        raise NotAsked("it has nothing to train, and its records will say so")
    return tokenizer


def _check_equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor], which: str) -> None:
    """Two states have equal tensors of the same names."""
    differing = [name for name in first if name not in second or not torch.equal(first[name], second[name])]
    if differing or first.keys() != second.keys():
        raise ContractError(f"{', '.join(differing[:3]) or 'names of weights'} {which} differ")


def _shape(value: object) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"
