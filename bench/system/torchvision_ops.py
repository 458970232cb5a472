"""Make torchvision importable beside a CPU-only torch.

The wheel of torchvision on PyPI is built for CUDA. Next to a CPU build of torch its compiled operators do not load, and
its import dies because it registers a fake kernel for `torchvision::nms`, an operator that then does not exist. Nothing
here calls that operator; declaring its schema is enough.
"""

from __future__ import annotations

import importlib
import sys

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # an operator lives as long as the library that declares it


def make_importable() -> bool:
    """Import torchvision, declaring its missing operators first where that is needed.

    Returns:
        True where the operators had to be declared.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: its import fails for another reason.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(operator + _SCHEMA)
        _declared.append(library)
        importlib.import_module("torchvision")
    return bool(_declared)
