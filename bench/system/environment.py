"""Where a record was made: versions, device, threads, commit."""

from __future__ import annotations

import functools
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from bench.errors import UsageError
from bench.system.files import ROOT
from bench.system.precision import multiplies_bf16

PACKAGES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "torchmetrics",
    "torch-fidelity",
    "numpy",
    "pandas",
    "ray",
    "pycocoevalcap",
    "nltk",
    "vector-quantize-pytorch",
)


def pick_device(name: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda".

    Raises:
        UsageError: CUDA is asked for and not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no CUDA device here")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def cpu_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(device: torch.device) -> int:
    """How many groups of cells can run at once: one a GPU, else one a core."""
    return torch.cuda.device_count() if device.type == "cuda" else cpu_count()


def describe(device: torch.device) -> dict[str, object]:
    """The record's `env`."""
    commit, dirty = _commit()
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "autocast": "bf16" if multiplies_bf16(device) else "fp32",
        "versions": dict(installed_versions()),
        "commit": commit,
        "dirty": dirty,
    }


@functools.cache
def installed_versions() -> dict[str, str]:
    """Versions of the packages that can matter; those not installed are left out."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def peak_memory_mib(device: torch.device) -> float:
    """Highest memory use so far: of the GPU's allocator, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


@functools.cache
def _commit() -> tuple[str | None, bool | None]:
    """Commit of the checkout and whether it has uncommitted changes; None where it is no checkout."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit.stdout.strip(), bool(status.stdout.strip())
