"""The families of released tokenizers that can be read, and which of them files belong to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import DataError
from bench.methods.parts.released import chameleon, diffusers, emu3, ibq, janus, llamagen, magvit2, taming
from bench.methods.parts.released.config import read_config
from bench.methods.parts.released.network import ReleasedTokenizer, Sides, Source
from bench.methods.parts.released.weights import IN_MODEL, Weights, cut, read_weights


class Family(NamedTuple):
    """One way in which tokenizers are released. package: what runs it and is not installed with the project."""

    about: str
    build: Callable[[Source, Sides], ReleasedTokenizer]
    package: str | None = None


FAMILIES = {
    "taming": Family("taming's VQModel or GumbelVQ", taming.build),
    "llamagen": Family("LlamaGen's VQModel", llamagen.build),
    "open-magvit2": Family("Open-MAGVIT2's VQModel", magvit2.build),
    "ibq": Family("IBQ", ibq.build),
    "diffusers": Family("diffusers' VQModel", diffusers.build, "diffusers"),
    "chameleon": Family("Chameleon's VQModel", chameleon.build),
    "emu3": Family("transformers' Emu3VQVAE", emu3.build, "transformers"),
    "janus": Family("transformers' JanusVQVAE", janus.build, "transformers"),
}

CLASSES = {
    "lfqgan.VQModel": "open-magvit2",
    "lfqgan_pretrain.VQModel": "open-magvit2",
    "ibqgan.IBQ": "ibq",
    "ibqgan_pretrain.IBQ": "ibq",
}
"""The last two parts of a `class_path`, as SEED-Voken's yaml has it."""


class Found(NamedTuple):
    """A tokenizer's files, read. part: the configuration of the tokenizer itself."""

    family: str
    part: Mapping[str, Any]


def recognise(config: Path | None) -> Found:
    """The family of a tokenizer, by its configuration; LlamaGen's mostly comes without.

    Raises:
        DataError: the configuration cannot be read, or is of no family.
    """
    if config is None:
        return Found("llamagen", {})
    values = read_config(config)
    kind, model = values.get("model_type"), values.get("model")
    if isinstance(kind, str) and (name := kind.removesuffix("_vqgan")) in ("chameleon", "emu3", "janus"):
        part = values if kind != name else values.get("vq_config", {})
        if not isinstance(part, dict):
            raise DataError(f"{config}: vq_config: not a mapping")
        return Found(name, part)
    if values.get("_class_name") == "VQModel":
        return Found("diffusers", values)
    if "encoder_ch_mult" in values and values.get("codebook_l2_norm") is True:
        return Found("llamagen", values)
    path = model.get("class_path") if isinstance(model, dict) else None
    if path is not None:
        name = ".".join(str(path).split(".")[-2:])
        if name not in CLASSES:
            raise DataError(f"{config}: model.class_path: {path} is none of {', '.join(CLASSES)}")
        return Found(CLASSES[name], values)
    if "model" in values:
        return Found("taming", values)
    raise DataError(
        f"{config}: no tokenizer's configuration: it has no `model`, as taming's and SEED-Voken's, no `_class_name` "
        f"VQModel, as diffusers', and no `model_type` chameleon, emu3 or janus"
    )


def missing_package(config: Path | None) -> str | None:
    """The package that a tokenizer needs and that is not here; None also where its configuration says too little."""
    try:
        package = FAMILIES[recognise(config).family].package
    except DataError:
        return None  # `build` says what is wrong with it
    return package if package and importlib.util.find_spec(package) is None else None


def read_tokenizer(weights: Path, config: Path | None, sides: Sides) -> tuple[ReleasedTokenizer, str]:
    """The tokenizer of these files, and what it is, in words.

    Raises:
        DataError: a file is missing, damaged or not of its kind, the files do not fit, or a package is not installed.
        UsageError: the images do not suit the tokenizer.
    """
    found = recognise(config)
    family = FAMILIES[found.family]
    if (package := missing_package(config)) is not None:
        raise DataError(f"{config}: {family.about} {how_to_get(package)}")
    read: Weights = read_weights(weights)
    state = cut(read.state, IN_MODEL, "quantize.embedding.weight")
    tokenizer = family.build(Source(weights, state, config, found.part), sides)
    averages = ", moving averages of its weights" if read.averaged else ""
    return tokenizer, f"{family.about}{averages}"


def how_to_get(package: str) -> str:
    """What to install; the extra is named like the package."""
    return f"needs {package}: pip install -c constraints.txt -e '.[{package}]'"
