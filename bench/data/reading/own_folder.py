"""All that a user's folder holds, read without its pixels: images, captions beside them, lists, links."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bench.data.reading import sidecars
from bench.data.reading.caption_lists import is_list
from bench.data.reading.caption_texts import Reading, only_numbers, several_lines
from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS
from bench.data.reading.own import OwnFolder
from bench.data.reading.own_lists import read_rows
from bench.data.reading.own_names import Names
from bench.data.reading.own_unread import unread_files
from bench.data.reading.own_use import decide
from bench.data.reading.paths import inside, printable
from bench.data.reading.places import told_by_folders, told_by_names
from bench.data.reading.problems import Kind, counted, some
from bench.data.reading.walk import Found
from bench.errors import DataError


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
    others = list[Found]()
    for file in (file for file in rest if file.name not in beside):
        if is_list(PurePosixPath(file.name).name):
            read_rows(own, file, names)
        else:
            others.append(file)
    unread, own.passed_by = unread_files(others, names)
    own.remarks += unread
    decide(own)
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
    by_folder = {key: told[_folder(key)] for key in images}
    by_name = told_by_names(images)
    if by_name and not any(by_folder.values()):
        return OwnFolder(by_name, images=images, told_by="images")
    return OwnFolder(by_folder, images=images)


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
            if not read.captions and file.name.casefold().endswith(".json"):
                own.silent.append(printable(file.name))
            long += read.lines > 1 and not read.numbers
            numbers += read.numbers
    own.remarks += [several_lines(long, how, "folder")] if long else []
    own.remarks += [only_numbers(numbers)] if numbers else []
