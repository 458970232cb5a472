"""Freed memory stays with the process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from bench.system.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
x = torch.ones(2**22)  # 16 MiB: 4,096 pages
for _ in range(3):
    y = x + 1
    del y
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    y = torch.cat([x, x])
    del y
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    """Pages that were mapped for ten tensors of 32 MiB."""
    return int(subprocess.run([sys.executable, "-c", SCRIPT, way], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another malloc than glibc's has no such setting")
def test_a_tensor_gets_the_pages_of_the_one_before() -> None:
    kept, plain = faults("keep"), faults("plain")
    assert kept < plain / 2, (kept, plain)
