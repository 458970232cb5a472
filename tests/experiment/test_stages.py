from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.contracts.codes import Codes
from bench.experiment.stages import _keep, _rate


@pytest.mark.parametrize(
    ("array", "codebook", "rate"),
    [((2, 4, 4), (512, 3), (16, 16, 9)), ((2, 4, 4, 2), (2, 8, 3), (32, 16, 6)), ((1, 1, 1), (1, 3), (1, 1, 0))],
    ids=["plain", "residual", "one code"],
)
def test_what_codes_take(array: tuple[int, ...], codebook: tuple[int, ...], rate: tuple[float, float, float]) -> None:
    codes = Codes(np.zeros(array, np.int32), torch.zeros(codebook), discrete=True, decode=lambda rows: rows)
    found = _rate(codes)
    assert (found["tokens_per_image"], found["positions_per_image"], found["bits_per_position"]) == rate


def test_statistics_are_kept_as_they_are(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=50)
    _keep(tmp_path / "statistics/key.npz", {"statistics/fd_x": values})
    np.testing.assert_array_equal(
        np.load(tmp_path / "statistics/key.npz")["statistics/fd_x"], values.astype(np.float32)
    )
