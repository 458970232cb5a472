"""METEOR, by pycocoevalcap's Java program.

Most of that program's time goes into reading its table of five million pairs of phrases that mean the same. A pair can
only count where one of its phrases is in a reference, so the pairs of a split's references are kept with the split.
"""

from __future__ import annotations

import functools
import gzip
import io
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import IO

import numpy as np

from bench.errors import DataError
from bench.metrics.caption_words import QUICK_JAVA, java_version
from bench.metrics.captions import Captions, References, Scored
from bench.metrics.meteor_counts import meteor_counts, meteor_of
from bench.registry import metrics
from bench.system import standard_error
from bench.system.kept import kept_folder, key_of

JAR = "meteor-1.5.jar"
TABLE = "paraphrase-en.gz"
BLOCK = 2**20
"""Bytes that are read or written at once; by lines, or the usual eight thousand, it takes twice as long."""


@metrics.register("meteor", higher_is_better=True, unit="")
def meteor(references: References, captions: Captions, cache: Path | None = None) -> Scored:
    """METEOR 1.5 (Denkowski and Lavie 2014) for English; the error is by bootstrap.

    Args:
        cache: a folder to keep the paraphrases of these references in; None reads the whole table.

    Raises:
        DataError: Java is missing, or fails.
        BenchError: the paraphrases cannot be kept; see `bench.system.kept`.
    """
    java_version()
    from pycocoevalcap.meteor import meteor as package

    jar = Path(package.__file__).with_name(JAR)
    table = jar.parent / "data" / TABLE
    if cache is not None:
        table = _of_references(table, references, cache)
    call = ["java", *QUICK_JAVA, "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm", "-a", table.name]
    try:
        with subprocess.Popen(  # in the table's folder, since the program takes a path for a URL
            call, cwd=table.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            value, scores, counts = _ask(program.stdin, program.stdout, references, captions)
    except (OSError, ValueError) as error:
        raise DataError(f"METEOR's Java program failed: {error}") from error
    resamples = meteor_of(standard_error.resampled_sums(counts))
    return Scored(value, np.array(scores), standard_error.of_resamples(resamples))


def _ask(
    questions: IO[bytes], answers: IO[bytes], references: References, captions: Captions
) -> tuple[float, list[float], np.ndarray]:
    """METEOR of all captions and of each: statistics of one caption after the other, then what they come to.

    The third is what each caption adds to the counts over all, see `meteor_counts`.

    Raises:
        OSError: the program has ended.
        ValueError: its answer is no number, or not as many as there should be.
    """

    def send(*parts: str) -> None:
        questions.write(f"{' ||| '.join(parts)}\n".encode())
        questions.flush()

    statistics = []
    for image, (caption,) in captions.items():
        send("SCORE", *references[image], caption.replace("|||", ""))
        statistics.append(answers.readline().decode().strip())
    send("EVAL", *statistics)
    scores = [float(answers.readline()) for _ in captions]
    return float(answers.readline()), scores, meteor_counts(statistics)


def _of_references(table: Path, references: References, cache: Path) -> Path:
    """A table of those paraphrases whose one phrase may be in these references, in the order of the whole table.

    The program cuts texts at marks, and takes the dots out of "u.s."; phrases with other marks are all taken.
    """
    text = "\n".join(text for texts in references.values() for text in texts).lower()
    words = set(re.findall(r"[a-z0-9]+", f"{text}\n{text.replace('.', '')}"))
    key = key_of([sorted(words), version("pycocoevalcap")])
    fill = functools.partial(_write, table, {word.encode() for word in words})
    return kept_folder(cache / f"paraphrases-{key}", fill, lambda folder: folder / TABLE)


def _write(table: Path, words: set[bytes], folder: Path) -> None:
    """Write a table of the paraphrases in these words: of each three lines, a number and the two phrases."""

    def known(phrase: bytes) -> bool:
        plain = filter(bytes.isalnum, phrase.split())
        return words.issuperset(plain)

    with (
        gzip.open(table) as packed,
        io.BufferedReader(packed, BLOCK) as lines,
        gzip.open(folder / TABLE, "wb", compresslevel=1) as out,
        io.BufferedWriter(out, BLOCK) as written,
    ):
        for entry in zip(lines, lines, lines, strict=True):
            if known(entry[1]) or known(entry[2]):
                written.writelines(entry)
