"""`data check`: everything a data set's files hold, read once, and what is missing or broken among them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data.reading.base import FromFiles
from bench.data.reading.decode import decode_all
from bench.data.reading.paths import reading
from bench.data.reading.problems import Kind, Problem, lost
from bench.errors import DataError, UsageError
from bench.registry import datasets
from bench.system.progress import reporter
from bench.system.terminal import one_line

SIZE = 32
COUNTS = ("images", "captions", "questions", "boxes", "masks")


@dataclass
class Report:
    """What a data set's folder holds.

    counts: of each split, for each of `COUNTS`. published: those that its owners give. differences: a line where the
    two are not the same. problems: what is left out, and why. errors: why a split could not be read at all.
    cut_away: boxes that the central square leaves too little of, of each split; not among the counts.
    remarks: how splits were made, what of the data set's kinds is not there and why. unused: what lies there and is not
    read.
    get: what to download, and where to put it.
    """

    name: str
    root: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    published: dict[str, dict[str, int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cut_away: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    get: str = ""

    @property
    def sound(self) -> bool:
        """Whether every image can be used; another size than the published one is no fault."""
        return not self.errors and not lost(self.problems)


def loader(name: str) -> type[FromFiles]:
    """The class of a data set that is read from files.

    Raises:
        UsageError: there is no such data set, or it is not read from a folder.
    """
    entry = datasets.get(name)
    if not entry.facts.reads_files:
        raise UsageError(f"{name} is not read from a folder; it comes with the installation")
    found: type[FromFiles] = entry.load()
    return found


def check(name: str, root: Path, **arguments: Any) -> Report:
    """Read a data set's folder: every annotation, every image.

    Args:
        arguments: further ones of the data set's.

    Raises:
        UsageError: there is no such data set, or it is not read from a folder.
    """
    dataset = loader(name)(**{"size": SIZE, "root": root, **arguments})
    report = Report(name, str(root), get=dataset.get)
    report.published = {split: dict(counts) for split, counts in dataset.published.items()}
    try:
        dataset.checked_sources()
    except DataError as error:
        report.errors.append(str(error))
        return report
    failed: dict[str, str] = {}
    for split in dataset.splits:
        try:
            _read(dataset, split, report)
        except DataError as error:
            failed[split] = str(error)
    common = len(failed) == len(dataset.splits) and len(set(failed.values())) == 1
    report.errors += set(failed.values()) if common else [f"{split}: {error}" for split, error in failed.items()]
    report.problems = list(dict.fromkeys(report.problems))  # one list may serve several splits
    try:
        with reading(root):
            report.remarks = _remarks(dataset, root, datasets.get(name).facts.offers)
            report.unused = list(dataset.unused(root))
    except DataError as error:
        if not any(str(error) in told for told in report.errors):
            report.errors.append(str(error))
    if not report.errors:
        report.differences = _differences(report)
    return report


def as_json(report: Report) -> str:
    """The report as JSON."""
    values = dataclasses.asdict(report) | {"sound": report.sound}
    return json.dumps(values | {"problems": [problem._asdict() for problem in report.problems]}, indent=1)


def as_text(report: Report) -> str:
    """The report for people: a table of counts, then every problem, then what to do."""
    lines = [one_line(f"{report.name} in {report.root}")]
    if report.counts:
        lines.append("".join(f"{column:>12}" for column in ("split", *COUNTS)))
    for split, counts in report.counts.items():
        lines.append(f"{split:>12}" + "".join(f"{counts[column]:>12,}" for column in COUNTS))
    lines += report.differences
    lines += [
        f"{split}: {count:,} boxes more that the central square cuts away" for split, count in report.cut_away.items()
    ]
    lines += [one_line(remark) for remark in (*report.remarks, *report.unused)]
    lines += [one_line(f"left out: {problem.file}: {problem.what}") for problem in report.problems]
    lines += [one_line(f"error: {error}") for error in dict.fromkeys(report.errors)]
    if report.sound:
        lines.append(_sound(report))
    elif not report.errors and all(problem.kind is not Kind.IMAGE for problem in lost(report.problems)):
        lines.append(f"{sum(problem.lost for problem in report.problems):,} images cannot be used")
    elif not any(report.get in error for error in report.errors):
        lines.append(f"to do: {report.get}")
    return "\n".join(lines)


def _read(dataset: FromFiles, split: str, report: Report) -> None:
    """Read all of a split and add what it holds to the report."""
    listing = dataset.read_listing(split)
    examples = dataset.choose(listing, split)
    report.problems += listing.problems
    counts: Counter[str] = Counter()
    cut_away = 0
    shape = dataclasses.replace(dataset.shape(split), strips=None)
    progress = reporter(f"{dataset.name} {split}")
    for example, decoded in zip(examples, decode_all(examples, shape, progress), strict=True):
        if isinstance(decoded, Problem):
            report.problems.append(decoded)
            continue
        unusable = [box for box in decoded.boxes if isinstance(box, Problem)]
        report.problems += [box for box in unusable if box.kind is not Kind.CUT_AWAY]
        cut_away += sum(box.kind is Kind.CUT_AWAY for box in unusable)
        boxes = len(decoded.boxes) - len(unusable)
        counts += Counter(images=1, captions=len(example.captions), questions=len(example.questions), boxes=boxes)
        counts["masks"] += decoded.mask is not None
    report.counts[split] = {name: counts[name] for name in COUNTS}
    if cut_away:
        report.cut_away[split] = cut_away
    if not examples:
        report.errors.append(f"{split}: no image can be used")


def _sound(report: Report) -> str:
    """The last line where every image that is read can be used."""
    if report.problems:
        return f"all images can be used, {len(report.problems):,} annotations cannot"
    return "all that is read can be used" if report.unused else "all of it can be read"


def _remarks(dataset: FromFiles, root: Path, offers: Sequence[str]) -> list[str]:
    """See `Report.remarks`; raises `DataError` where files cannot be read."""
    division = dataset.division(root)
    lacking = [f"no {kind}: {why}" for kind in offers if (why := dataset.lacks(kind))]
    return [*([division] if division else []), *lacking]


def _differences(report: Report) -> list[str]:
    """Where the counts are not those its owners give; what is held out for validation counts as training."""
    lines = []
    for split, published in report.published.items():
        if split not in report.counts:
            continue
        parts = ["train", "validation"] if split == "train" and "validation" not in report.published else [split]
        for what, wanted in published.items():
            counted = sum(report.counts[part][what] for part in parts)
            if counted != wanted:
                lines.append(f"{' and '.join(parts)}: {counted:,} {what}, published are {wanted:,}")
    return lines
