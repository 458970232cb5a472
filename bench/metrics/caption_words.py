"""Captions cut into words: by the Penn Treebank tokenizer that caption scores are defined with, or without Java."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bench.errors import DataError

JAR = "stanford-corenlp-3.4.1.jar"
QUICK_JAVA = "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"
"""For programs of seconds on one core: no threads that collect garbage or compile a second time."""
TYPOGRAPHY = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "--", "—": "--", "…": "..."}  # as PTB writes them
)
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
OPENING_QUOTE = re.compile(r"(?<!\S)'(?=\w)")
PERIOD = re.compile(r"(?<=[^\W\d_]{2})\.(?=\s)")


def java_version() -> int:
    """Major version of the first Java in PATH (8 for "1.8").

    Raises:
        DataError: there is none, or it does not run; the text says how to get one.
    """
    java = shutil.which("java")
    version = None if java is None else _version(java)
    if version is None:
        wrong = "there is no Java in PATH" if java is None else f"{java} does not run"
        raise DataError(f"{wrong}; apt-get install default-jre-headless, or any Java 8 or later")
    return version


@functools.cache
def _version(java: str) -> int | None:
    """What `java -version` says; some systems put a `java` in PATH that only says that there is none."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, errors="replace")
    except OSError:
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(version[1]) if version and answer.returncode == 0 else None


def tokenizer_name() -> Literal["ptb", "python"]:
    """Which tokenizer `tokenize` uses on this machine."""
    try:
        java_version()
    except DataError:
        return "python"
    return "ptb"


def tokenize(texts: Sequence[str]) -> list[str]:
    """Each text as words in lower case with a space between them, without punctuation.

    With Java these are the words of pycocoevalcap's PTBTokenizer. Without, nltk's Treebank rules give the same, except
    for abbreviations ("dr."), names and tags ("@home", "<b>"), doubled marks ("!!") and words with outer apostrophes.
    Brackets stay as "-lrb-" and so on in both, since pycocoevalcap's list of punctuation has them in capitals.

    Raises:
        DataError: Java's tokenizer fails.
    """
    lines = [" ".join(text.split()) for text in texts]
    return (_ptb if tokenizer_name() == "ptb" else _python)(lines)


def _ptb(lines: list[str]) -> list[str]:
    """Java's tokenizer, called as pycocoevalcap does, but without a file in its folder, and its output is checked."""
    from pycocoevalcap.tokenizer import ptbtokenizer

    jar = Path(ptbtokenizer.__file__).with_name(JAR)
    call = [
        "java",
        *QUICK_JAVA,
        "-cp",
        str(jar),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
    ]
    done = subprocess.run(
        call, input="".join(f"{line}\n" for line in lines).encode(errors="replace"), capture_output=True
    )
    tokenized = done.stdout.decode().split("\n")[:-1]
    if done.returncode != 0 or len(tokenized) != len(lines):
        wrong = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise DataError(f"the PTB tokenizer returned {len(tokenized)} of {len(lines)} captions: {wrong}")
    return [_without_punctuation(line.split(" ")) for line in tokenized]


def _python(lines: list[str]) -> list[str]:
    """nltk's Treebank tokenizer, with the differences to Java's that `tokenize` names."""
    from nltk.tokenize import TreebankWordTokenizer

    words = TreebankWordTokenizer()
    tokenized = []
    for line in lines:
        plain = OPENING_QUOTE.sub("' ", line.lower().translate(TYPOGRAPHY))
        parts = words.tokenize(PERIOD.sub(" .", plain))
        tokenized.append(_without_punctuation([BRACKETS.get(part, part) for part in parts]))
    return tokenized


def _without_punctuation(words: Sequence[str]) -> str:
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    return " ".join(word for word in words if word not in PUNCTUATIONS)
