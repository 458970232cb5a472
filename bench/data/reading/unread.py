"""What lies in a data set's folder and is not read, so that nothing that a user put there is passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS
from bench.data.reading.paths import printable
from bench.data.reading.walk import walk


def unread_folders(root: Path, sources: Sequence[Path]) -> list[str]:
    """One line for each folder that holds images and lies below none of the sources."""
    read = {path.relative_to(root).as_posix() for path in sources if path.is_relative_to(root)}
    images: Counter[str] = Counter()
    for file in walk(root, without=read):
        if PurePosixPath(file.name).suffix.lower() in ENDINGS | UNREAD_ENDINGS and file.name not in read:
            images[file.name.partition("/")[0] if "/" in file.name else "."] += 1
    return [printable(f"not read: {count:,} images in {folder}/") for folder, count in sorted(images.items())]
