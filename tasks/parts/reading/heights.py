"""Text by its height, and the smallest that can still be read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.errors import NotMeasurable
from bench.system import standard_error

STEPS = tuple(base * 2**power for power in range(9) for base in (4, 6))
"""Heights in pixels that text is sorted by, 4, 6, 8, 12, 16 ... 1,536; each text goes to the nearest by ratio."""
FEWEST = 10
"""Lines of a height without which it says nothing."""
LEGIBLE = 0.5
"""Share of the words that has to be read for a height to count as legible."""

PROTOCOL = {
    "heights": "of a line from the top of h to the foot of g: as the data set says, else 0.7 of the engine's box; the "
    "nearest by ratio of 4, 6, 8, 12, 16 ... px",
    "smallest_legible": f"the smallest height of which, as of all larger ones, {LEGIBLE} of the words or more are "
    f"read; heights of fewer than {FEWEST} lines are passed over",
}


def step_of(height: float) -> int:
    """The step, in pixels, that a height in pixels belongs to."""
    return min(STEPS, key=lambda step: abs(np.log(step / height)))


def smallest_legible(accuracies: Mapping[int, np.ndarray]) -> int:
    """The smallest legible height in pixels.

    Args:
        accuracies: by height in pixels, the share of each line's words that was read, [lines].

    Raises:
        NotMeasurable: too few lines are of one height, or not even the largest can be read.
    """
    known = {height: of_lines.mean() for height, of_lines in accuracies.items() if len(of_lines) >= FEWEST}
    if not known:
        raise NotMeasurable(f"no height of text has {FEWEST} lines that can be read on the originals")
    smallest = None
    for height in sorted(known, reverse=True):
        if known[height] < LEGIBLE:
            break
        smallest = height
    if smallest is None:
        raise NotMeasurable(f"of the largest text, {max(known)} px high, fewer than half of the words are still read")
    return smallest


def error_of_legible(accuracies: Mapping[int, np.ndarray], images: Mapping[int, np.ndarray]) -> float | None:
    """Standard error over images of `smallest_legible`, by bootstrap.

    0 where no resample has another height; None where one has no line of a height, or cannot have its largest text
    read.

    Args:
        accuracies: as there.
        images: the number of each line's image, [lines].
    """
    known = sorted((height for height, of_lines in accuracies.items() if len(of_lines) >= FEWEST), reverse=True)
    numbers, count = np.unique(np.concatenate(list(images.values()))), len(known)
    places = [np.searchsorted(numbers, images[height]) for height in known]
    lines = [np.bincount(place, minlength=len(numbers)) for place in places]
    words = [np.bincount(place, accuracies[height], len(numbers)) for place, height in zip(places, known, strict=True)]
    sums = standard_error.resampled_sums(np.stack([*words, *lines], 1))
    legible = np.logical_and.accumulate(sums[:, :count] >= LEGIBLE * sums[:, count:], axis=1)
    measured = legible[:, 0] & (sums[:, count:] > 0).all(1)
    smallest = np.array(known)[legible.sum(1) - 1]
    return standard_error.of_resamples(np.where(measured, smallest, np.nan))
