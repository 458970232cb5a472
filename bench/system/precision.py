"""Which floating-point type a network computes in."""

from __future__ import annotations

import torch


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Mixed precision with bf16, or none.

    precision: "bf16", "fp32", or "auto": bf16 where the device multiplies matrices faster in it.
    """
    wanted = multiplies_bf16(device) if precision == "auto" else precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has matrix units for bf16: a GPU from compute capability 8 on, a CPU with AMX.

    AVX-512 alone has instructions for bf16 too, but float32 is faster there (docs/performance.md).
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
