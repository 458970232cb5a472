"""What data sets of composed emoji scenes share: splits, sizes, and where prepared scenes are kept."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.contracts.arguments import Seed
from bench.contracts.data import DataSet, Split
from bench.data.emoji.art import ART_SHA256
from bench.data.emoji.compose import Style, write_split
from bench.data.emoji.splits import STREAMS
from bench.data.pixels import prepared
from bench.system import fingerprint
from bench.system.kept import kept_folder


@dataclass(frozen=True)
class ComposedScenes(DataSet):
    """Scenes of emoji on a ground, with captions, questions, boxes and masks.

    seed: of all scenes. Scenes of a split are a stream, of which the limits take the first.

    `split("judge", cache)` gives a further split, as long as "train", which is not among `splits`: no method, head or
    generator ever sees its arrangements. It is for whoever trains a network that judges them: images and captions of
    its own, with pairs of kinds that are novel to "train" as well. Its last scenes can be held out.
    """

    seed: Seed = 0
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test", "test-novel-pairs")
    counts: ClassVar[Mapping[str, int]] = {"train": 24_000, "validation": 2_000, "test": 2_000}
    style: ClassVar[Style]
    """Which scenes there are, how they look, and what is asked about them."""

    @override
    def fingerprint(self) -> str:
        return fingerprint.of_value(
            [self.size, {name: self._count(name) for name in self.splits}, self.seed, ART_SHA256]
        )

    @override
    def split(self, name: str, cache: Path) -> Split:
        file = Path(inspect.getfile(type(self)))
        key = fingerprint.of_value([self.size, self._count(name), self.seed, ART_SHA256, fingerprint.of_code([file])])
        folder = cache / "data" / f"{file.stem}-{key[:16]}" / name
        return kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: prepared.read(name, kept))

    def _count(self, name: str) -> int:
        kind = {"judge": "train", "test-novel-pairs": "test"}.get(name, name)
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        seed = [self.seed, STREAMS.index(name)]
        write_split(folder, self.style.scenes(name, self.seed), self._count(name), self.size, seed, self.style)
