"""All that a user's folder holds: its images, their captions, their splits, and what of it is not used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.data.reading import sidecars
from bench.data.reading.caption_lists import Row, is_like_a_list, is_list, read_list
from bench.data.reading.caption_texts import Reading, only_numbers, several_lines
from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS, Example, ImageFile, Listing
from bench.data.reading.own_names import Names, NotThere, plain, points_outside
from bench.data.reading.paths import inside, printable
from bench.data.reading.places import assign, told_by_folders
from bench.data.reading.problems import Kind, counted, some
from bench.data.reading.splits import Division, told_exactly
from bench.data.reading.walk import Found
from bench.errors import DataError


@dataclass
class OwnFolder:
    """What was found, as it is found.

    captions: of each image by its key. listed: images that a list names. told: the split that an image's folder or row
    tells. listing: examples of all splits, and all problems. remarks: one line each; see `FromFiles.unused`.
    """

    images: dict[str, Found]
    told: dict[str, str | None]
    captions: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    listed: set[str] = field(default_factory=set)
    listing: Listing = field(default_factory=Listing)
    remarks: list[str] = field(default_factory=list)
    passed_by: list[str] = field(default_factory=list)
    division: Division = field(default_factory=lambda: Division({}, ""))

    def of_split(self, split: str) -> Listing:
        """The examples of a split, and the problems that are told there: those that name no image with training."""
        splits = self.division.splits
        mine = [example for example in self.listing.examples if splits.get(example.key) == split]
        return Listing(mine, self.listing.of_part(lambda key: splits.get(key) == split, split == "train").problems)


def read_folder(root: Path, files: Iterable[Found], how: Reading) -> OwnFolder:
    """Read all but the images themselves. Raises `DataError` where a list cannot be read or used."""
    images, rest, lost = list[Found](), list[Found](), list[Found]()
    for file in files:
        is_image = PurePosixPath(file.name).suffix.lower() in ENDINGS | UNREAD_ENDINGS
        (lost if file.lost else images if is_image else rest).append(file)
    own = _with_images(root, images)
    _note_links(own, lost, root)
    texts = sidecars.beside(rest)
    _read_beside(own, texts, how)
    stems = {stem for key in own.images for stem in sidecars.names_beside(key)}
    beside = {file.name for stem, found in texts.items() if stem in stems for file in found}
    names = Names(own.images)
    for file in (file for file in rest if file.name not in beside):
        if is_list(PurePosixPath(file.name).name):
            _read_list(own, file, names)
        elif is_like_a_list(file.name):
            own.passed_by.append(printable(file.name))
    if own.passed_by:
        own.remarks.append(f"not read: {some(own.passed_by)}: a list of captions is called captions or metadata")
    _finish(own)
    return own


def _with_images(root: Path, files: list[Found]) -> OwnFolder:
    """The images by their keys, and the splits that their folders tell.

    One that links give a second name counts once, by the name without a link: else it might be in training and in test.
    In folders that are splits it may be in several, since the user says so.
    """
    told = told_by_folders({_folder(printable(file.name)) for file in files})
    once: dict[tuple[str | None, str], Found] = {}
    for file in sorted(files, key=lambda file: (file.base != root, file.name.split("/"))):
        once.setdefault((told[_folder(printable(file.name))], file.real), file)
    images = {printable(file.name): file for file in once.values()}
    return OwnFolder(images, {key: told[_folder(key)] for key in images})


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _note_links(own: OwnFolder, files: list[Found], root: Path) -> None:
    """Links that are not followed: each that leads nowhere or around, and images that are links out of the folder."""
    for file in files:
        own.listing.lose(printable(file.name)[:80], Kind.INCOMPLETE, file.lost, "")
    away = []
    for key, file in own.images.items():
        try:
            inside(file.base, file.below)
        except DataError:
            away.append(key)
    if away:
        own.remarks.append(
            f"refused: {counted(len(away), 'image')}, links out of {root.name or root} (a link to the whole folder is "
            f"followed): {some(away)}"
        )


def _read_beside(own: OwnFolder, texts: dict[str, list[Found]], how: Reading) -> None:
    """Take the captions that stand beside images."""
    long = numbers = 0
    for key in own.images:
        for file in (file for name in sidecars.names_beside(key) for file in texts.get(name, ())):
            try:
                read = sidecars.read_beside(file, how)
            except DataError as error:
                own.listing.note(key[:80], Kind.ANNOTATION, error, key)
                continue
            own.captions[key] += read.captions
            long += read.lines > 1 and not read.numbers
            numbers += read.numbers
    own.remarks += [several_lines(long, how, "folder")] if long else []
    own.remarks += [only_numbers(numbers)] if numbers else []


def _read_list(own: OwnFolder, file: Found, names: Names) -> None:
    """Take the captions of a list.

    Raises:
        DataError: it cannot be read, none of its columns can be used, or none of its names is one of the images.
    """
    shown, folder = printable(file.name), f"{_folder(printable(file.name))}/".lstrip("/")
    found = read_list(inside(file.base, file.below))
    if found.lacks:
        if PurePosixPath(shown).stem.casefold().startswith("captions") and not shown.casefold().endswith(".txt"):
            raise DataError(f"{shown} {found.lacks}")
        own.remarks.append(f"not read: {shown} {found.lacks}")
        return
    meant: dict[str, str] = {}
    wrong, moved = list[tuple[Row, DataError]](), 0
    for row in found.rows:
        try:
            key = names.find(row.name, folder)
            if meant.setdefault(key, plain(str(row.name))) != plain(str(row.name)):
                raise DataError(f"{row.name!r:.80} may be {key}, which {meant[key]!r:.80} is as well")
        except DataError as error:
            wrong.append((row, error))
            continue
        moved += points_outside(str(row.name))
        _take(own, key, row, f"{shown}, row {row.number}")
    if wrong and not meant:
        row, why = wrong[0]
        raise DataError(f"{shown}: none of its {counted(len(wrong), 'row')} can be used; {row.name!r:.80}: {why}")
    for row, why in wrong:
        stray = isinstance(why, NotThere)
        where = str(row.name)[:80] if stray else f"{shown}, row {row.number}"
        own.listing.note(printable(where), Kind.STRAY if stray else Kind.ANNOTATION, why)
    if moved:
        own.remarks.append(f"{shown}: {counted(moved, 'path')} of another place, taken for the image here that ends it")


def _take(own: OwnFolder, key: str, row: Row, where: str) -> None:
    own.listed.add(key)
    own.captions[key] += row.texts
    own.told[key] = told_exactly(row.split) or own.told[key]
    if not row.texts:
        own.listing.note(where, Kind.CAPTION, Kind.CAPTION.value, key)


def _finish(own: OwnFolder) -> None:
    """Say what is an example, what is lost, what is not used, and divide it into splits."""
    captions = {key: tuple(dict.fromkeys(texts)) for key, texts in own.captions.items() if texts}
    wanted = captions.keys() | own.listed
    masks = sidecars.masks_among(own.images).keys() - wanted
    unread = {key for key in own.images if _is_unread(key)}
    aside = {key for key in unread if key not in wanted or _has_twin(key, own.images)}
    unnamed = {key for key in own.images.keys() - aside - masks - wanted if own.listed}
    kept = [key for key in own.images if key not in aside | masks | unnamed]
    lost = {key for key in kept if key in unread or (captions and key not in captions)}
    own.division = assign({key: own.told[key] for key in kept}, lost, "folders")
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
