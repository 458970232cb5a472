"""Networks that are fitted once: their weights are kept, so that another way of scoring needs no other fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from bench.system.kept import kept


def fit_once(model: nn.Module, fit: Callable[[], float], path: Path | None) -> float:
    """Fit a model, or load the weights of the fit that was kept; leaves it in evaluation mode.

    Args:
        fit: fits the model in place; returns the seconds that this took.
        path: where the weights are kept; None fits it anew each time.

    Returns:
        Seconds that the fit took, now or when it was kept.

    Raises:
        BenchError: the weights cannot be kept; see `bench.system.kept`.
    """

    def pack(seconds: float) -> bytes:
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        return save(weights, {"seconds": repr(seconds)})

    def read(path: Path) -> float:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            seconds = float(file.metadata()["seconds"])
        model.load_state_dict(weights, strict=True)
        return seconds

    seconds = kept(path, fit, pack, read)
    model.eval()
    return seconds
