"""Holm's adjustment by hand."""

from __future__ import annotations

import pytest

from bench.statistics.holm import holm


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 of 4 with 0.005 first: 4 x 0.005, 3 x 0.01, 2 x 0.03, then not below what came before
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}
