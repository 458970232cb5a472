"""Random streams by name: one seed gives every purpose draws of its own, so that no two of them are entangled."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from bench.errors import did_you_mean

STREAMS: Mapping[str, int] = {
    # a tokenizer's training
    "training batches": 0,  # order of the images
    "training captions": 1,  # which of an image's captions
    "crops": 4,  # where images are cut, and whether they are flipped
    # a task's network on frozen codes
    "batches": 0,  # order of the images, and what is drawn for a batch of them
    "captions": 1,  # which of an image's captions a generator reads
    "test captions": 2,  # which of a test image's captions is generated from, and what it is compared with
    "stand-ins": 3,  # training images that a blind baseline shows in place of generated ones
    "distractors": 4,  # captions of other images, among which an image's own is looked for
    # alignment
    "test examples": 0,  # caption and masked words of each test image, and the controls' images
    "probe batches": 1,  # order of the images, and captions and masked words of a batch
}
"""Name of a stream to its number. A number may never change, since committed results were drawn with it. The groups
share numbers: they were numbered apart, and no draw of one group is ever compared with or added to a draw of another.
Within a group each number occurs once. A new stream takes a new number.
"""


def generator(seed: int, name: str) -> np.random.Generator:
    """The stream of this name for a seed, from its beginning.

    Raises:
        ValueError: no stream has this name; the text has the nearest one.
    """
    if name not in STREAMS:
        raise ValueError(f"unknown random stream {name!r}{did_you_mean(name, STREAMS)}")
    return np.random.default_rng([seed, STREAMS[name]])


def state_of(rng: np.random.Generator) -> str:
    """Where a generator stands, as JSON."""
    return json.dumps(rng.bit_generator.state)


def set_state(rng: np.random.Generator, state: str) -> None:
    """Let a generator go on from where another of its kind stood.

    Raises:
        ValueError, LookupError, TypeError: this is no state of such a generator.
    """
    rng.bit_generator.state = json.loads(state)
