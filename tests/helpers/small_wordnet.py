from __future__ import annotations

from pathlib import Path


def write_wordnet(folder: Path, tree: dict[str, str | None]) -> Path:
    """A WordNet of these nouns, one sense each, in the format of wndb(5WN)."""
    folder.mkdir(parents=True)
    lines: dict[str, str] = {}
    offsets: dict[str, int] = {}
    for noun, above in tree.items():
        offsets[noun] = sum(map(len, lines.values()))
        pointer = f"001 @ {offsets[above]:08d} n 0000" if above else "000"
        lines[noun] = f"{offsets[noun]:08d} 03 n 01 {noun} 0 {pointer} | a {noun}\n"
    index = [f"{noun} n 1 0 1 0 {offset:08d}\n" for noun, offset in sorted(offsets.items())]
    for kind in ("noun", "verb", "adj", "adv"):
        for name in (f"data.{kind}", f"index.{kind}", f"{kind}.exc"):
            (folder / name).write_text("")
    (folder / "data.noun").write_text("".join(lines.values()))
    (folder / "index.noun").write_text("".join(index))
    return folder
