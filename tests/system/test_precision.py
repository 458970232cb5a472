"""Which type a network computes in: by name, or as the hardware says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.system.environment import describe
from bench.system.precision import autocast, multiplies_bf16

CPU = torch.device("cpu")
FLAGS = Path("/proc/cpuinfo")


def dtype_of_products(precision: str) -> torch.dtype:
    with autocast(CPU, precision):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_a_named_precision_is_what_is_used() -> None:
    assert dtype_of_products("bf16") == torch.bfloat16
    assert dtype_of_products("fp32") == torch.float32


def test_auto_is_what_the_record_says() -> None:
    named = {"bf16": torch.bfloat16, "fp32": torch.float32}
    assert dtype_of_products("auto") == named[str(describe(CPU)["autocast"])]


@pytest.mark.skipif(not FLAGS.exists(), reason="no /proc/cpuinfo: the CPU's flags are not to be had")
def test_a_cpu_multiplies_bf16_where_the_kernel_lists_amx() -> None:
    assert multiplies_bf16(CPU) == ("amx_bf16" in FLAGS.read_text().split())
