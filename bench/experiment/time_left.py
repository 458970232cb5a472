"""A guess of how long a run still takes, from what its jobs took so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bench.experiment.jobs import Job


def kinds(job: Job) -> tuple[str, ...]:
    """What is alike in time, closest first: the stage, and for a cell its task.

    A blind baseline reads no codes. It takes no longer than a method does in the same task, so until one has ended a
    method's time stands for it; the other way round it would promise too little.
    """
    if job.stage != "cell":
        return (job.stage,)
    task = job.cell.task.name
    return (task,) if job.cell.tokenizer else (f"blind {task}", task)


def time_left(
    to_come: Collection[Job], running: Mapping[str, float], spent: Mapping[str, Sequence[float]], parallel: int
) -> float | None:
    """Seconds until all is done, or None while some kind of work to come has not been seen to end.

    Preparing data takes seconds and training minutes: a mean over all that ended would promise seconds for hours.
    None as well when all that is left has taken longer than its kind did: then nobody knows.

    Args:
        to_come: jobs that have not ended, with those that run.
        running: key of a job that runs to the seconds it has taken.
        spent: first kind of a job to the seconds of each that ended well.
        parallel: jobs at once.
    """
    work = 0.0
    for job in to_come:
        times = next((spent[name] for name in kinds(job) if spent.get(name)), None)
        if times is None:
            return None
        work += max(0.0, sum(times) / len(times) - running.get(job.key, 0.0))
    return work / min(parallel, len(to_come)) if work else None


def in_words(seconds: float) -> str:
    """Such as "about 5 s" or "about 2 h 10 min"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"about {seconds:.0f} s"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
