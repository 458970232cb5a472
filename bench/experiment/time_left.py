"""A guess of how long a run still takes, from what its jobs took so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bench.experiment.jobs import Job


def kind(job: Job) -> str:
    """What is alike in time: the stage, and for a cell its task."""
    return job.cell.task.name if job.stage == "cell" else job.stage


def time_left(
    to_come: Collection[Job], running: Mapping[str, float], spent: Mapping[str, Sequence[float]], parallel: int
) -> float | None:
    """Seconds until all is done, or None while some kind of work to come has not been seen to end.

    Preparing data takes seconds and training minutes: a mean over all that ended would promise seconds for hours.

    Args:
        to_come: jobs that have not ended, with those that run.
        running: key of a job that runs to the seconds it has taken.
        spent: kind of job to the seconds of each that ended well.
        parallel: jobs at once.
    """
    if not to_come or any(not spent.get(kind(job)) for job in to_come):
        return None
    means = {name: sum(times) / len(times) for name, times in spent.items() if times}
    work = sum(max(0.0, means[kind(job)] - running.get(job.key, 0.0)) for job in to_come)
    return work / min(parallel, len(to_come))


def in_words(seconds: float) -> str:
    """Such as "about 5 s" or "about 2 h 10 min"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"about {seconds:.0f} s"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
