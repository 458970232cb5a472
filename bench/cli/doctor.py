"""What works on this machine, what is missing and how to get it."""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, NamedTuple

import torch

from bench.errors import BenchError
from bench.features.extractor import load_extractor
from bench.features.lpips_weights import SOURCES, LpipsBackbone, load_backbone
from bench.metrics.wups import find_wordnet
from bench.registry import REGISTRIES, extractors, text_encoders
from bench.system.environment import cpu_count, installed_versions
from bench.system.terminal import one_line
from bench.system.torchvision_ops import make_importable


class Finding(NamedTuple):
    """One line: what was looked at, whether it works, and what was found or how to get it."""

    name: str
    state: Literal["ok", "missing", "note"]
    text: str


def findings() -> list[Finding]:
    """Look at everything; nothing is downloaded."""
    plugins = ", ".join(f"{len(registry.names())} {registry.kind}s" for registry in REGISTRIES)
    return [
        Finding(
            "python", "ok", f"{platform.python_version()}, {cpu_count()} CPUs, torch uses {torch.get_num_threads()}"
        ),
        Finding("packages", "ok", ", ".join(f"{name} {number}" for name, number in installed_versions().items())),
        Finding("plug-ins", "ok", plugins),
        _gpu(),
        _torchvision(),
        _package("ray", "several cells at once", "ray[tune]"),
        _package("pycocoevalcap", "caption metrics", "pycocoevalcap"),
        _java(),
        _wordnet(),
        *[_text_encoder(entry.name) for entry in text_encoders.entries()],
        *[_extractor(entry.name) for entry in extractors.entries()],
        *[_lpips(backbone) for backbone in SOURCES],
    ]


def as_text() -> str:
    """One line a finding."""
    return "\n".join(one_line(f"{finding.state:8}{finding.name:30}{finding.text}") for finding in findings())


def as_json() -> str:
    """All findings, as JSON."""
    return json.dumps([finding._asdict() for finding in findings()], indent=1)


def _gpu() -> Finding:
    if torch.cuda.is_available():
        return Finding("gpu", "ok", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))
    return Finding("gpu", "note", "torch sees no CUDA device; everything runs on the CPU")


def _torchvision() -> Finding:
    try:
        declared = make_importable()
    except ImportError:
        return Finding(
            "torchvision", "missing", "needed by open_clip and timm; pip install -c constraints.txt torchvision"
        )
    if declared:
        text = "its compiled operators do not load beside this torch; nms and qnms were declared so that it imports"
        return Finding("torchvision", "note", text)
    return Finding("torchvision", "ok", "imports as it is")


def _package(name: str, purpose: str, requirement: str) -> Finding:
    try:
        return Finding(name, "ok", f"{version(name)} ({purpose})")
    except PackageNotFoundError:
        return Finding(name, "missing", f"needed for {purpose}; pip install -c constraints.txt '{requirement}'")


def _java() -> Finding:
    path = shutil.which("java")
    if path is None:
        return Finding("java", "missing", "needed for METEOR and PTB tokenisation; install a Java runtime, 8 or later")
    return Finding("java", "ok", f"{path} (METEOR, PTB tokenisation)")


def _text_encoder(name: str) -> Finding:
    from bench.text.load import load_text_encoder

    if name == "open_clip":
        return Finding(f"text encoder {name}", "note", "its weights are downloaded when first used")
    try:
        encoder: Any = load_text_encoder(name)
    except BenchError as error:
        return Finding(f"text encoder {name}", "missing", str(error))
    return Finding(f"text encoder {name}", "ok", f"width {encoder.width}, {encoder.vocabulary} tokens")


def _extractor(name: str) -> Finding:
    try:
        return Finding(f"extractor {name}", "ok", f"weights {load_extractor(name).fingerprint()[:12]}")
    except BenchError as error:
        return Finding(f"extractor {name}", "missing", str(error))


def _lpips(backbone: LpipsBackbone) -> Finding:
    try:
        load_backbone(backbone)
    except BenchError as error:
        return Finding(f"lpips_{backbone}", "missing", str(error))
    return Finding(f"lpips_{backbone}", "ok", "weights found")


def _wordnet() -> Finding:
    try:
        return Finding("wordnet", "ok", f"{find_wordnet()} (WUPS)")
    except BenchError as error:
        return Finding("wordnet", "missing", str(error))
