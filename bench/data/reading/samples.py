"""Which files of a shard belong together: an image, its captions, and what else is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bench.data.reading.shards import Member
from bench.data.reading.sidecars import TEXT_ENDINGS


class Sample(NamedTuple):
    """What belongs to one image. key: its name in the shard; of the same key again, the key and a number.

    first: the key without that number.
    """

    key: str
    first: str
    images: list[Member]
    texts: list[Member]


def has_captions(sample: Sample) -> bool:
    """Whether a sample holds a caption."""
    return any(member.texts and member.texts.captions for member in sample.texts)


def samples(found: list[Member]) -> tuple[list[Sample], list[Sample]]:
    """The members of a whole shard by their keys, wherever in it they stand; those that say something of others apart.

    An image whose key is another's and a word more (a.seg.png beside a.jpg) says something of it and is no photograph.
    A key that comes again with the same ending begins a sample of its own.
    """
    by_key: dict[tuple[str, int], Sample] = {}
    times: Counter[tuple[str, str]] = Counter()
    for member in found:
        times[member.key, member.ending] += 1
        number = times[member.key, member.ending]
        key = member.key if number == 1 else f"{member.key} ({number})"
        sample = by_key.setdefault((member.key, number), Sample(key, member.key, [], []))
        (sample.texts if member.ending in (*TEXT_ENDINGS, ".json") else sample.images).append(member)
    whole = {sample.first for sample in by_key.values() if sample.images}
    kept, beside = list[Sample](), list[Sample]()
    for sample in by_key.values():
        alone = not any(above in whole for above in _above(sample.first))
        (kept if alone or (sample.images and has_captions(sample)) else beside).append(sample)
    return kept, beside


def _above(key: str) -> Iterator[str]:
    """The keys that this one extends by words after dots."""
    folder, slash, name = key.rpartition("/")
    parts = name.split(".")
    return (f"{folder}{slash}{'.'.join(parts[:count])}" for count in range(1, len(parts)))
