"""The errors a user can act on. Anything else that is raised is a defect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base of the project's own errors; its text is one line for the user."""


class UsageError(BenchError):
    """The command line asks for something that does not exist or cannot be done; exit status 2."""


class DataError(BenchError):
    """A data set, art or weight file is missing, broken or not what its hash says."""


class ContractError(BenchError):
    """A plug-in does not keep what its contract promises."""


class NotMeasurable(BenchError, ValueError):
    """A metric cannot be had of these examples, of which there are too few, say; it is listed as skipped."""


class TrainingDiverged(BenchError):
    """A loss stopped being finite."""


class RecordError(BenchError):
    """A record on disk cannot be read as a record."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint to append to an error message: the nearest valid name, else all names."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
