"""Text from outside made harmless in Markdown and TeX."""

from __future__ import annotations

import re

from bench.system.terminal import visible

TEX = {
    "±": r"$\pm$",
    "×": r"$\times$",
    "²": r"$^2$",
    "°": r"$^\circ$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
TEX |= {mark: f"\\{mark}" for mark in "&%$#_{}"} | {mark: f"${mark}$" for mark in "<>|"}


LONGEST = 2000
"""Characters of a text: more than any sentence of our own, names of records in it included."""


def markdown_text(text: str, longest: int = LONGEST) -> str:
    """Text on one line, its Markdown and HTML marks made harmless, cut where it is longer than that."""
    line = visible(" ".join(text.split()))
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)


def tex_text(text: str) -> str:
    """Text on one line, with the characters that TeX or a terminal would act on made harmless."""
    return "".join(TEX.get(mark, mark) for mark in visible(" ".join(text.split())))
