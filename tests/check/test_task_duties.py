"""Every duty of a task is broken once, and the line that says so is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.check.report import Line
from bench.check.task import DUTIES

Answers = Callable[..., list[Line]]

VERSION = '{"version": 1}'
END = "        return result"
START = "        result = TaskResult("
ADD = '            result.add("brightness", means, variant=split.variant)'
METRICS = "metrics=(Metric("
OTHER = 'metrics=(Metric("contrast", None), Metric('
FREE = "np.random.default_rng().random()"
BROKEN = [
    ("has a docstring", '    """Mean brightness."""\n', "", "SoundTask has no docstring"),
    ("is a frozen", "def run(self, work: Work)", "def run(self, works: Work)", "SoundTask.run takes (self, works)"),
    ("has plain values", "power: int = 1", "power: object = frozenset()", "power is frozenset(), which is no plain"),
    ("has a protocol", VERSION, '{"words": 1}', 'the protocol\'s "version" is None, no whole number'),
    ("has a protocol", VERSION, '{"version": True}', 'the protocol\'s "version" is True, no whole number'),
    ("has a protocol", VERSION, '{"version": 1, "words": {1}}', "the protocol holds what is no plain value"),
    ("has a protocol", VERSION, f'{{"version": 1, "at": {FREE}}}', "two objects of the task give different protocols"),
    ("scores indices", END, "        return {}", "run returned a dict, no bench.contracts.result.TaskResult"),
    ("scores indices", END, "        return result.value", "AttributeError: 'TaskResult' object has no attribute"),
    ("scores residual", START, f'        assert not work.codes or work.codes["test"].array.ndim < 4, "levels"\n{START}',
     "AssertionError: levels"),
    ("scores vectors", START, f'        assert not work.codes or work.codes["test"].discrete, "vectors"\n{START}',
     "AssertionError: vectors"),
    ("scores its blind", START, f'        assert work.codes, "blind"\n{START}', "AssertionError: blind"),
    ("declares what", 'result.add("brightness", ', 'result.add("brightnes" + "" * len(rows), ',
     "sound on indices measures 'brightnes', which it does not declare; did you mean 'brightness'"),
    ("measures what", METRICS, OTHER, "'contrast' is declared, and neither measured nor skipped"),
    ("measures what", END, f'        result.skip("brightness", "nobody looked at it")\n{END}', "both measured"),
    ("has finite", ADD, f"            means = means * float('nan')\n{ADD}", "is nan of 16 examples"),
    ("has finite", END, f'        result.add_whole("brightness", 1.0, 0, part="none")\n{END}', "is 1.0 of 0 examples"),
    ("has finite", END, f'        result.cost["steps"] = 3\n{END}', "the cost steps is a int, no float"),
    ("has finite", END, "        return TaskResult()", "nothing was measured on indices, and no reason given"),
    ("keeps the scores", END, f"        result.per_example.clear()\n{END}", "a mean of examples whose scores are not"),
    ("keeps the scores", END, f'        result.per_example["brightness"] = np.ones(3)\n{END}', "whose scores are [3]"),
    ("keeps the scores", END, f'        result.per_example["brightness"] += 1\n{END}', "and the mean of its examples"),
    ("gives the same", ADD, f"            means = means + {FREE}\n{ADD}", "and, with the same seed, Score("),
    ("gives the same", ADD, f"            means = means + {FREE} * (rows == 0) - 1\n{ADD}", "with the same seed"),
    ("leaves the global", START, f"        torch.rand(1)\n{START}", "the global random state of torch is not as it"),
    ("leaves the global", START, f"        np.random.rand()\n{START}", "the global random state of numpy is not as it"),
    ("leaves samples", '"note.txt"', '"../note.txt"', "the sample '../note.txt' on indices is no plain file name"),
    ("leaves samples", '"looked at"', "3", "the sample 'note.txt' on indices is a int, no bytes or text"),
    ("leaves samples", END, f'        result.statistics["s"] = np.zeros((2, 2))\n{END}', "is not a float32 or"),
]  # fmt: skip
"""The beginning of a duty, an edit of the sound plug-in that breaks it, and what its line then says."""
NO_DATA = ('@datasets.register("sound", offers=("captions", "questions", "boxes", "masks"))\n', "")


def test_a_task_that_keeps_its_contract_has_no_broken_duty(answers: Answers) -> None:
    lines = answers("task", "sound")
    assert [line.status for line in lines].count("ok") == len(DUTIES) - 1
    (skipped,) = [line.text for line in lines if line.status == "skip"]
    assert skipped == "scores further test splits: the data set has no other"


@pytest.mark.parametrize(("duty", "old", "new", "words"), BROKEN)
def test_a_broken_duty_is_a_line(answers: Answers, duty: str, old: str, new: str, words: str) -> None:
    broken = [line.text for line in answers("task", "sound", (old, new)) if line.status == "FAIL"]
    assert any(text.startswith(duty) and words in text for text in broken), broken


def test_every_duty_is_shown_to_fail() -> None:
    told = [*(broken[0] for broken in BROKEN), "scores further"]  # the latter is a remark, see below
    assert not [duty.text for duty in DUTIES if not any(map(duty.text.startswith, told))]


def test_a_reason_that_says_nothing_is_refused(answers: Answers) -> None:
    lines = answers("task", "sound", (METRICS, OTHER), (END, f'        result.skip("contrast", "no")\n{END}'))
    assert [line.text for line in lines if line.status == "FAIL"] == [
        "measures what it declares, or says why not: 'contrast' is skipped because of 'no', which says too little"
    ]


def test_without_a_data_set_of_its_file_a_task_is_run_on_a_built_in_one(answers: Answers) -> None:
    lines = [str(line) for line in answers("task", "sound", NO_DATA)]
    assert "ok    task sound: scores indices (2 values from EmojiScenes)" in lines
    assert "ok    task sound: scores further test splits (novel-pairs)" in lines


def test_a_test_split_that_is_not_scored_is_remarked(answers: Answers) -> None:
    lines = answers("task", "sound", NO_DATA, ("work.tests.items()", '{"test": work.dataset["test"]}.items()'))
    (remark,) = [line for line in lines if line.text.startswith("scores further")]
    assert remark.status == "skip"
    assert "no value is marked @novel-pairs" in remark.text


def test_a_task_that_no_data_set_suits_says_why_of_each(answers: Answers) -> None:
    refuses = '    def skip(self, dataset, method): return "it is Monday"\n\n    @override\n    def protocol'
    lines = answers("task", "sound", ("    @override\n    def protocol", refuses))
    assert [line for line in lines if line.status == "FAIL"] == []
    assert "no data set to run it on (sound: it is Monday; emoji-scenes: it is Monday" in lines[4].text


def test_a_task_may_leave_out_methods_without_indices_and_have_no_blind_baseline(answers: Answers) -> None:
    refuses = (
        "    def skip(self, dataset, method):\n"
        '        return None if method is None or method.discrete else "no indices"\n\n    @override\n    def protocol'
    )
    edits = [("    @override\n    def protocol", refuses), ('    blind="no image",\n', "")]
    skipped = [line.text for line in answers("task", "sound", *edits) if line.status != "ok"]
    assert "scores vectors without indices: no indices" in skipped
    assert "scores its blind baseline: it has no blind baseline; the fact `blind` would name one" in skipped
