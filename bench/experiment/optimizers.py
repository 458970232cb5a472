"""What trains a tokenizer: the same for every method."""

from __future__ import annotations

from typing import Any

import torch

from bench.contracts.method import Tokenizer
from bench.presets import Preset
from bench.system.muon import Muon


def optimizers(tokenizer: Tokenizer, preset: Preset) -> list[torch.optim.Optimizer]:
    """Adam, and Muon beside it for the kernels of convolutions where the preset has a rate for it.

    Either has one group for each learning rate; see `Tokenizer.learning_rate_scales`. Codebooks, linear layers and all
    vectors are Adam's in any case.
    """
    scales = {parameter: 1.0 for parameter in tokenizer.parameters() if parameter.requires_grad}
    for module, scale in tokenizer.learning_rate_scales().items():
        scales.update(dict.fromkeys(scales.keys() & set(module.parameters()), float(scale)))
    kernels = {} if preset.muon is None else {p: scale for p, scale in scales.items() if p.ndim == 4}
    rest = {p: scale for p, scale in scales.items() if p not in kernels}
    made: list[torch.optim.Optimizer] = []
    if rest:
        made.append(
            torch.optim.Adam(_groups(rest, preset.learning_rate), preset.learning_rate, preset.betas, fused=True)
        )
    if kernels:
        rate = preset.learning_rate * (preset.muon or 1)
        made.append(Muon(_groups(kernels, rate), rate, weight_decay=0))
    return made


def _groups(scales: dict[torch.nn.Parameter, float], rate: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in scales if scales[p] == scale], "lr": rate * scale}
        for scale in sorted(set(scales.values()))
    ]
