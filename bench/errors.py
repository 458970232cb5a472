"""The errors a user can act on. Anything else that is raised is a defect."""


class BenchError(Exception):
    """Base of the project's own errors; its text is one line for the user."""


class UsageError(BenchError):
    """The command line asks for something that does not exist or cannot be done; exit status 2."""


class DataError(BenchError):
    """A data set, art or weight file is missing, broken or not what its hash says."""


class TrainingDiverged(BenchError):
    """A loss stopped being finite."""


class RecordError(BenchError):
    """A record on disk cannot be read as a record."""
