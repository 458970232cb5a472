"""Entries of zip files: as `zipfile` reads them where they are sound, and an error in every other case."""

from __future__ import annotations

import io
import random
import zipfile

import numpy as np
import pytest

from bench.system.vectors import pack_vectors, unpack_vectors
from bench.system.zip_entries import entries, packed_content, unpacked

CONTENTS = {"a.npy": b"x" * 5_000, "b/c@d.npy": bytes(range(256)), "empty.npy": b"", "é.npy": b"1"}


def made(method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", force_zip64: bool = False) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in CONTENTS.items():
            with archive.open(name, "w", force_zip64=force_zip64) as entry:
                entry.write(content)
        archive.comment = comment
    return packed.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    return {
        entry.name: unpacked(packed_content(data, entry), entry.method, entry.size, entry.checksum)
        for entry in entries(data)[0]
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("force_zip64", [False, True], ids=["plain heads", "heads for large entries"])
def test_entries_are_what_was_written(method: int, force_zip64: bool) -> None:
    assert read(made(method, force_zip64=force_zip64)) == CONTENTS


@pytest.mark.parametrize("kind", ["bzip2", "lzma", "comment", "bytes before", "bytes after", "encrypted", "no zip"])
def test_other_kinds_are_refused(kind: str) -> None:
    sound = made()
    content = {
        "bzip2": made(zipfile.ZIP_BZIP2),
        "lzma": made(zipfile.ZIP_LZMA),
        "comment": made(comment=b"hello"),
        "bytes before": b"#!/bin/sh\n" + sound,
        "bytes after": sound + b"\0",
        "encrypted": sound.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"),
        "no zip": b"\x89PNG" * 100,
    }[kind]
    assert content != sound
    with pytest.raises(ValueError, match=r"cut off|packed in another way|index says"):
        read(content)


def test_an_entry_that_says_too_little_of_its_size_is_not_unpacked_further() -> None:
    data = made()
    (first, *_), total = entries(data)
    assert total == sum(map(len, CONTENTS.values()))
    assert entries(data, ["a.npy", "missing", "\ud800"]) == ([first], total)
    content = packed_content(data, first)
    with pytest.raises(ValueError, match="checksum"):
        unpacked(content, first.method, 10, first.checksum)
    with pytest.raises(ValueError, match="checksum"):
        unpacked(content, first.method, first.size, first.checksum ^ 1)


def test_any_damage_is_a_value_error_or_no_damage() -> None:
    """Bytes changed, left out and put in anywhere, two thousand times."""
    rng, sound = random.Random(0), pack_vectors({"a": np.linspace(0, 1, 300), "image": np.arange(300)})
    before = {name: array.tobytes() for name, array in unpack_vectors(sound).items()}
    refused = 0
    for _ in range(2_000):
        damaged = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(damaged))
            if rng.random() < 0.7:
                damaged[place] = rng.randrange(256)
            elif rng.random() < 0.5:
                del damaged[place : place + rng.randint(1, 50)]
            else:
                damaged[place:place] = rng.randbytes(rng.randint(1, 50))
        try:
            found = unpack_vectors(bytes(damaged))
        except ValueError:
            refused += 1
        else:
            assert {array.tobytes() for array in found.values()} <= set(before.values())
    assert refused > 1_000
