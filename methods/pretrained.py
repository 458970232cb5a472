"""A released tokenizer, read from its own files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.contracts.arguments import Count
from bench.contracts.method import Method, TextEncoder
from bench.errors import DataError
from bench.methods.parts.released.families import how_to_get, missing_package, read_tokenizer
from bench.methods.parts.released.folder import files_of
from bench.methods.parts.released.network import ReleasedTokenizer, Sides
from bench.presets import Preset
from bench.registry import methods
from bench.system.files import sha256_of


@methods.register("pretrained")
@dataclass(frozen=True)
class Pretrained(Method):
    """A released tokenizer from its own files, measured as it is: VQ-GAN, LlamaGen, Open-MAGVIT2, IBQ and others.

    It puts a released tokenizer before the same tasks. Other data and another budget made it, so its records carry
    a warning that it does not compare on equal terms. Its sizes are its own; of the preset it takes the images' size.
    `docs/released.md` lists what is read, from which files.

    weights: a checkpoint or `.safetensors`, or a folder that holds one of them (or a model in parts) and its
    configuration. config: its yaml or `config.json`; LlamaGen's has none. image_size: the side to which images are
    resized before they are encoded, and from which decoded ones are resized back, see `ReleasedTokenizer`; None: the
    preset's, and nothing is resized.
    """

    paper: ClassVar[str] = "arXiv:2012.09841"
    weights: Path | None = None
    config: Path | None = None
    image_size: Count | None = None

    @override
    def missing(self) -> str | None:
        if not self.weights:
            return (
                "needs --set pretrained.weights=FOLDER, or FILE (a checkpoint or .safetensors) and, for all but "
                "LlamaGen's, --set pretrained.config=FILE (its yaml or config.json); docs/released.md has the commands"
            )
        package = missing_package(files_of(self.weights, self.config).config)
        return how_to_get(package) if package else None

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> ReleasedTokenizer:
        """The tokenizer as released; what was found, and the files' hashes, are shown on standard error.

        Raises:
            DataError: a file is not given, missing, damaged or not of its kind, or the two do not fit.
            UsageError: the side of images does not suit the tokenizer.
        """
        if not self.weights:
            raise DataError(f"pretrained {self.missing()}")
        sides = Sides(preset.image_size, self.image_size or preset.image_size)
        files = files_of(self.weights, self.config)
        tokenizer, about = read_tokenizer(files.weights, files.config, sides)
        height, width = tokenizer.grid
        resized = f" (resized from {sides.shown})" if tokenizer.resizes else ""
        size = f"images of {sides.inside} px{resized}, {height}x{width} codes of {len(tokenizer.codebook):,}"
        hashes = ", ".join(f"{path.name} sha256 {sha256_of(path)}" for path in files if path)
        print(f"pretrained: {about}, {size}; {hashes}", file=sys.stderr, flush=True)
        return tokenizer
