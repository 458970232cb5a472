"""Cut the tokenizer's weights out of a model that comes in several files.

    python scripts/cut_out_tokenizer.py FOLDER FILE.safetensors

Reads FOLDER/model.safetensors.index.json and the files that it names, and writes the weights of the image tokenizer
(`model.vqmodel.*`) under their names to one file, for `--set pretrained.weights=FILE.safetensors`: the key of a record
counts that file's content, where an index says nothing of what its parts hold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from bench.methods.parts.released.families import IN_MODEL

INDEX = "model.safetensors.index.json"


def main() -> None:
    """Read the arguments and cut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    places = json.loads((arguments.folder / INDEX).read_bytes())["weight_map"]
    names = [name for name in places if name.startswith(IN_MODEL)]
    if not names:
        parser.error(f"{arguments.folder / INDEX} names no weight that begins with {' or '.join(IN_MODEL)}")
    state = {}
    for place in sorted({places[name] for name in names}):
        if Path(place).name != place:
            parser.error(f"{arguments.folder / INDEX} names {place!r}, which is not in the folder")
        with safe_open(arguments.folder / place, "pt") as part:
            state |= {name: part.get_tensor(name) for name in names if places[name] == place}
    save_file(state, arguments.file)
    print(f"{arguments.file}: {len(state)} weights of {len(places)}")


if __name__ == "__main__":
    main()
