"""What of a user's folder is used, what is lost, and what is left aside, which is no fault."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

from bench.data.reading import sidecars
from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS, Example, ImageFile
from bench.data.reading.own import OwnFolder
from bench.data.reading.places import assign
from bench.data.reading.problems import Kind, counted, some


def decide(own: OwnFolder) -> None:
    """Say what is an example, what is lost, what is not used, and divide it into splits."""
    captions = {key: tuple(dict.fromkeys(texts)) for key, texts in own.captions.items() if texts}
    wanted = captions.keys() | own.listed
    masks = sidecars.masks_among(own.images).keys() - wanted
    unread = {key for key in own.images if _is_unread(key)}
    aside = {key for key in unread if key not in wanted or _has_twin(key, own.images)}
    unnamed = {key for key in own.images.keys() - aside - masks - wanted if own.listed}
    kept = [key for key in own.images if key not in aside | masks | unnamed]
    lost = {key for key in kept if key in unread or (captions and key not in captions)}
    own.division = assign({key: own.told[key] for key in kept}, lost, own.told_by)
    outside = [key for key in kept if own.division.splits[key] is None]
    broken = {problem.image: problem for problem in own.listing.problems if problem.kind is Kind.ANNOTATION}
    for key in (key for key in kept if own.division.splits[key]):
        example = Example(key, ImageFile(own.images[key].base, own.images[key].below), captions.get(key, ()))
        if key in unread:
            own.listing.lose(key[:80], Kind.IMAGE, "is of a kind that is not read: convert it", key)
        elif key in lost and key in broken:
            own.listing.lose(key[:80], Kind.ANNOTATION, broken[key].what, key)
        else:
            own.listing.add(example, ("captions",) if captions else ())
    for names, what in (
        (masks, "masks of others"),
        (unnamed, "named by no list"),
        (outside, "outside the folders that are splits"),
        (aside, "of a kind that is not read"),
    ):
        own.remarks += [f"not used: {counted(len(names), 'image')}, {what}: {some(names)}"] if names else []
    if own.silent and not captions:
        own.remarks.append(f"no captions in {counted(len(own.silent), 'JSON file')} beside images: {some(own.silent)}")
    bare = lost - unread - own.listed
    if bare:
        own.remarks.append(
            f"no captions for {counted(len(bare), 'image')}, but for others: write some, or move these away"
        )


def _is_unread(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in UNREAD_ENDINGS


def _has_twin(key: str, keys: Collection[str]) -> bool:
    """Whether an image that is not read has its name in common with one that is: a.dng beside a.jpg."""
    stem = sidecars.names_beside(key)[0]
    return any(f"{stem}{ending}" in keys for ending in (*ENDINGS, *map(str.upper, ENDINGS)))
