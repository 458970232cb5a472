"""Text from records as the page takes it: on one line, nothing in it that acts unseen, cut where it is endless."""

from __future__ import annotations

from bench.system.terminal import visible

NAME = 80
"""Characters of a name."""
SENTENCE = 400
"""Characters of a reason, a warning, a caption."""


def cut(text: str, longest: int = SENTENCE) -> str:
    """Text from a record; escaping it for HTML is left to whoever writes it there."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def name(text: str) -> str:
    """A name from a record."""
    return cut(text, NAME)
