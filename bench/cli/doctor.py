"""What works on this machine, what is missing and how to get it."""

from __future__ import annotations

import json
import platform
import shutil
import uuid
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from bench.errors import BenchError
from bench.features.extractor import load_extractor
from bench.features.lpips_weights import SOURCES, LpipsBackbone, load_backbone
from bench.metrics.wups import find_wordnet
from bench.registry import REGISTRIES, extractors, text_encoders
from bench.system.claims import claim
from bench.system.environment import cpu_count, installed_versions
from bench.system.terminal import one_line
from bench.system.torchvision_ops import make_importable

CACHE = Path("runs/cache")
"""Where runs keep what is computed once, unless they are told."""


class Finding(NamedTuple):
    """One line: what was looked at, whether it works, and what was found or how to get it."""

    name: str
    state: Literal["ok", "missing", "note"]
    text: str


def findings(cache: Path) -> list[Finding]:
    """Look at everything; nothing is downloaded. cache: the folder in which runs keep what is computed once."""
    plugins = ", ".join(f"{len(registry.names())} {registry.kind}s" for registry in REGISTRIES)
    return [
        Finding(
            "python", "ok", f"{platform.python_version()}, {cpu_count()} CPUs, torch uses {torch.get_num_threads()}"
        ),
        Finding("packages", "ok", ", ".join(f"{name} {number}" for name, number in installed_versions().items())),
        Finding("plug-ins", "ok", plugins),
        _gpu(),
        _torchvision(),
        _locks(cache),
        _ray(),
        _package("pycocoevalcap", "caption metrics", "pycocoevalcap"),
        *[_extra(name) for name in ("diffusers", "transformers")],
        _package("rapidocr", "text-preservation", "rapidocr"),
        _package("onnxruntime", "text-preservation", "onnxruntime"),
        _java(),
        _wordnet(),
        *[_text_encoder(entry.name) for entry in text_encoders.entries()],
        *[_extractor(entry.name) for entry in extractors.entries()],
        *[_lpips(backbone) for backbone in SOURCES],
    ]


def as_text(cache: Path = CACHE) -> str:
    """One line a finding."""
    return "\n".join(one_line(f"{finding.state:8}{finding.name:30}{finding.text}") for finding in findings(cache))


def as_json(cache: Path = CACHE) -> str:
    """All findings, as JSON."""
    return json.dumps([finding._asdict() for finding in findings(cache)], indent=1)


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


def _locks(cache: Path) -> Finding:
    """Whether runs beside each other can share the cache; tried where the folder is or would be made."""
    folder = next(above for above in (cache.absolute(), *cache.absolute().parents) if above.is_dir())
    try:
        with claim(folder / f"doctor-{uuid.uuid4().hex}"):
            return Finding(
                "cache", "ok", f"files can be locked in {folder}, so runs beside each other share their work"
            )
    except BenchError as error:
        return Finding("cache", "missing", f"runs need a --cache in which files can be written and locked; {error}")


def _ray() -> Finding:
    """Whether Ray starts here: a package that is installed says nothing of a cluster, a full disk or a sandbox."""
    found = _package("ray", "several cells at once", "ray[tune]")
    if found.state != "ok":
        return found
    from bench.experiment import ray_tune

    try:
        ray_tune.connect(None, 1)
    except BenchError as error:
        return Finding("ray", "missing", f"{error}; runs take --engine serial")
    finally:
        import ray

        ray.shutdown()
    return Finding("ray", "ok", f"{found.text}, starts here")


def _package(name: str, purpose: str, requirement: str) -> Finding:
    try:
        return Finding(name, "ok", f"{version(name)} ({purpose})")
    except PackageNotFoundError:
        return Finding(name, "missing", f"needed for {purpose}; pip install -c constraints.txt '{requirement}'")


def _extra(name: str) -> Finding:
    """A package that only some released tokenizers need; the extra of the project is named like it."""
    found = _package(name, "released tokenizers of its format", "")
    if found.state == "ok":
        return found
    how = f"-c constraints.txt -e '.[{name}]'"
    return Finding(name, "note", f"not installed; released tokenizers of its format need it: pip install {how}")


def _java() -> Finding:
    path = shutil.which("java")
    if path is None:
        return Finding("java", "missing", "needed for METEOR and PTB tokenisation; install a Java runtime, 8 or later")
    return Finding("java", "ok", f"{path} (METEOR, PTB tokenisation)")


def _text_encoder(name: str) -> Finding:
    if name == "open_clip":
        return Finding(f"text encoder {name}", "note", "its weights are downloaded when first used")

    def look() -> str:
        from bench.text.load import load_text_encoder

        encoder = load_text_encoder(name)
        return f"width {encoder.width}, {encoder.vocabulary} tokens"

    return _looked_at(f"text encoder {name}", look)


def _extractor(name: str) -> Finding:
    return _looked_at(f"extractor {name}", lambda: f"weights {load_extractor(name).fingerprint()[:12]}")


def _lpips(backbone: LpipsBackbone) -> Finding:
    return _looked_at(f"lpips_{backbone}", lambda: f"weights found ({len(load_backbone(backbone))} arrays)")


def _wordnet() -> Finding:
    return _looked_at("wordnet", lambda: f"{find_wordnet()} (WUPS)")


def _looked_at(name: str, look: Callable[[], str]) -> Finding:
    """What a look at something says, or why it cannot be had: one thing that is broken hides no other."""
    try:
        return Finding(name, "ok", look())
    except BenchError as error:
        return Finding(name, "missing", str(error))
    except Exception as error:
        return Finding(name, "missing", f"{type(error).__name__}: {error}")
