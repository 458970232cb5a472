"""All that a user's shards hold: their images, captions and splits, and what of them is not used."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from bench.data.reading.caption_texts import Reading, only_numbers, several_lines
from bench.data.reading.examples import UNREAD_ENDINGS, Example, ImageFile
from bench.data.reading.own import OwnShards
from bench.data.reading.paths import printable
from bench.data.reading.places import assign, told_by_path
from bench.data.reading.problems import Kind, Problem, counted, some
from bench.data.reading.samples import Sample, has_captions, samples
from bench.data.reading.shards import Broken, Member, Packed, is_ended, members
from bench.errors import DataError

PHOTOGRAPHS = (".jpg", ".jpeg", ".jpe", ".jfif")
"""Of two images of one name, the one of such an ending is the photograph: masks are not kept as JPEG."""


BESIDE, LONG, NUMBERS, TWO, SILENT, ENDLESS, TEXTS = "beside", "long", "numbers", "two", "silent", "endless", "texts"
"""What is not wrong, but told: images beside others, texts of several lines or of numbers, two images of one name, JSON
files without captions, shards without the mark that ends them, texts that are not KEY.txt."""


def read_shards(root: Path, shards: Sequence[str], how: Reading) -> OwnShards:
    """Read all but the images themselves.

    Args:
        shards: their names below the root.

    Raises:
        DataError: none of them can be read.
    """
    own, found = OwnShards(), list[Example]()
    for shard in _once(root, shards):
        found += _read_shard(own, root, shard, how)
    if not found and own.broken:
        raise DataError("; ".join(f"{shard} {why}" for shard, why in list(own.broken.items())[:3]))
    _finish(own, found, how)
    return own


def captioned(shard: Path, how: Reading) -> bool:
    """Whether any image of a shard has a caption."""
    found = list[Member]()
    with contextlib.suppress(Broken):
        for member in members(shard, how):
            found.append(member)
    return any(sample.images and has_captions(sample) for sample in samples(found)[0])


def _once(root: Path, shards: Sequence[str]) -> list[str]:
    """The shards; of one that links give several names within a split, the first."""
    once: dict[tuple[str | None, str], str] = {}
    for shard in shards:
        once.setdefault((told_by_path(_stem(shard)), os.path.realpath(root / shard)), shard)
    return list(once.values())


def _stem(shard: str) -> str:
    return printable(shard)[: -len(".tar")]


def _read_shard(own: OwnShards, root: Path, shard: str, how: Reading) -> list[Example]:
    """The images of a shard with their captions, those without some included."""
    name, found = printable(shard), list[Member]()
    try:
        for member in members(root / shard, how):
            found.append(member)
        own.asides[ENDLESS] += [] if is_ended(root / shard) else [name]
    except Broken as error:
        own.broken[name] = str(error) if isinstance(error, Packed) else f"{error}; get it again"
        last = found[-1].key if found else ""  # it may lack what came after the cut
        found = [member for member in found if not f"{last}.".startswith(f"{member.key}.")]
    whole, beside = samples(found)
    own.asides[BESIDE] += [f"{name}: {sample.key[:80]}" for sample in beside for _ in sample.images]
    own.asides[TEXTS] += [
        f"{name}: {sample.key[:80]}" for sample in beside if not sample.images and has_captions(sample)
    ]
    file = Path(os.path.realpath(root / shard))  # a shard may be the user's own link
    examples = [example for sample in whole if (example := _example(own, name, file, sample))]
    own.counts[name] = len(examples)
    own.told |= {example.key: told_by_path(_stem(shard)) for example in examples}
    return examples


def _example(own: OwnShards, shard: str, file: Path, sample: Sample) -> Example | None:
    """The image of a sample with its captions; None where there is none."""
    key, shown = f"{shard}/{sample.key}", f"{shard}: {sample.key[:80]}"
    for member in sample.texts:
        if member.wrong:
            own.listing.note(shown, Kind.ANNOTATION, member.wrong, key)
        elif member.texts:
            own.asides[LONG] += [shown] * (member.texts.lines > 1 and not member.texts.numbers)
            own.asides[NUMBERS] += [shown] * member.texts.numbers
            own.asides[SILENT] += [shown] * (member.ending == ".json" and not member.texts.captions)
    captions = [text for member in sample.texts if member.texts for text in member.texts.captions]
    usable = [image for image in sample.images if not image.wrong and image.ending not in UNREAD_ENDINGS]
    if not usable:
        if sample.images:
            own.told[key] = told_by_path(_stem(shard))
            unread = f"of a kind that is not read ({sample.images[0].ending})"
            own.listing.lose(shown, Kind.IMAGE, sample.images[0].wrong or unread, key)
        elif captions or any(member.ending != ".json" for member in sample.texts):
            own.told[key] = told_by_path(_stem(shard))
            own.listing.note(shown, Kind.INCOMPLETE, "has 0 images", key)
        return None
    image = next((image for image in usable if image.ending in PHOTOGRAPHS), usable[0])
    if len(usable) > 1:
        own.asides[TWO] += [f"{shown} ({' and '.join(member.ending for member in usable)}, {image.ending} is taken)"]
    if sample.key != sample.first:
        own.again[key] = f"{shard}/{sample.first}"
    return Example(key, ImageFile(file.parent, file.name, image.offset, image.size), tuple(dict.fromkeys(captions)))


def _finish(own: OwnShards, found: list[Example], how: Reading) -> None:
    """Say what is lost and divide the rest into splits."""
    own.captioned = any(example.captions for example in found)
    own.again = {key: first for key, first in own.again.items() if first in own.told}
    _count_broken(own)
    gone = own.told.keys() - {example.key for example in found if example.captions or not own.captioned}
    own.division = assign({key: told for key, told in own.told.items() if key not in own.again}, gone, "shards")
    splits = dict(own.division.splits)
    splits |= {key: splits.get(other) for key, other in own.again.items()}  # it may be the same image
    own.division = dataclasses.replace(own.division, splits=splits)
    for example in found:
        if example.key in gone:
            own.listing.lose(example.key, Kind.INCOMPLETE, "no captions", example.key)
        elif splits[example.key]:
            own.listing.add(example)
    _remark(own, how)


def _count_broken(own: OwnShards) -> None:
    """Hold a shard that cannot be read to its end against its split, as many images as it has fewer than the others."""
    whole = [count for shard, count in own.counts.items() if shard not in own.broken]
    for shard, why in own.broken.items():
        missing = max(1, round(mean(whole)) - own.counts[shard]) if whole else 1
        about = f"{why} (about {counted(missing, 'image')})"
        own.told[shard] = told_by_path(_stem(shard))
        own.listing.problems.append(Problem(shard, Kind.IMAGE, about, shard, lost=missing))


def _remark(own: OwnShards, how: Reading) -> None:
    """Say what is not used, and what may have been meant otherwise."""
    outside = [key for key, split in own.division.splits.items() if split is None and key not in own.broken]
    silent = [] if own.captioned else own.asides[SILENT]
    for names, noun, what in (
        (outside, "image", "not used: {}, in shards that are named after no split"),
        (own.asides[BESIDE], "image", "not used: {}, beside another of their key, as KEY.seg.png is beside KEY.jpg"),
        (own.asides[TWO], "image", "more than one kind of image: {}"),
        (list(own.again), "image", "keys that came before in their shard: {}, each used on its own"),
        (silent, "JSON file", "no captions in {}"),
        (own.asides[TEXTS], "text", "not used: {}, of another ending than KEY.txt"),
        (own.asides[ENDLESS], "shard", "no end mark, so perhaps cut off: {}"),
    ):
        own.remarks += [f"{what.format(counted(len(names), noun))}: {some(names)}"] if names else []
    own.remarks += [several_lines(len(own.asides[LONG]), how, "webdataset")] if own.asides[LONG] else []
    own.remarks += [only_numbers(len(own.asides[NUMBERS]))] if own.asides[NUMBERS] else []
