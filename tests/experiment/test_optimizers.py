"""Which optimizer moves what, and at which rate."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from bench.contracts.method import Tokenizer
from bench.experiment.optimizers import optimizers
from bench.presets import PRESETS, Preset
from bench.registry import methods
from bench.system.muon import Muon

SMOKE = PRESETS["smoke"]
ALL_ADAM = dataclasses.replace(SMOKE, muon=None)
SHARE = 0.1
"""Of the preset's learning rate, which the discriminator has."""


def a_tokenizer() -> Tokenizer:
    return methods.get("vqgan").load()().build(SMOKE, "emoji-scenes", None)


def rates(tokenizer: Tokenizer, preset: Preset) -> dict[str, tuple[type[torch.optim.Optimizer], float]]:
    """Of each parameter that is moved, by name, in whatever order."""
    names = {id(parameter): name for name, parameter in tokenizer.named_parameters()}
    found = [
        (names[id(parameter)], (type(optimizer), group["lr"]))
        for optimizer in optimizers(tokenizer, preset)
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert len(found) == len(dict(found)), "two optimizers move one parameter"
    return dict(found)


def test_muon_moves_the_kernels_and_adam_all_else() -> None:
    tokenizer = a_tokenizer()
    found = rates(tokenizer, SMOKE)
    assert found.keys() == dict(tokenizer.named_parameters()).keys()
    kernels = {name for name, parameter in tokenizer.named_parameters() if parameter.ndim == 4}
    assert {name for name, (kind, _) in found.items() if kind is Muon} == kernels
    assert found["quantizer.codebook"] == (torch.optim.Adam, SMOKE.learning_rate)


@pytest.mark.parametrize("preset", [SMOKE, ALL_ADAM])
def test_the_discriminator_keeps_its_share_of_either_rate(preset: Preset) -> None:
    whole = {torch.optim.Adam: preset.learning_rate, Muon: preset.learning_rate * (preset.muon or 0)}
    for name, (kind, rate) in rates(a_tokenizer(), preset).items():
        assert rate == pytest.approx(whole[kind] * (SHARE if "discriminator" in name else 1))


def test_without_a_rate_for_muon_adam_moves_all() -> None:
    assert {kind for kind, _ in rates(a_tokenizer(), ALL_ADAM).values()} == {torch.optim.Adam}
    assert PRESETS["paper"].muon is None, "the papers train by Adam"


def test_what_is_frozen_is_not_moved() -> None:
    tokenizer = a_tokenizer()
    tokenizer.get_submodule("encoder").requires_grad_(False)
    assert not [name for name in rates(tokenizer, SMOKE) if name.startswith("encoder")]
