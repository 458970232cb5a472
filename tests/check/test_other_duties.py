"""Every duty of a metric, a feature extractor and a text encoder is broken once, and the line says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.check.encoders import EXTRACTOR_DUTIES, TEXT_DUTIES
from bench.check.metric import DUTIES
from bench.check.report import Line

Answers = Callable[..., list[Line]]

IMAGES = "    values: np.ndarray = -np.abs(made.astype(float) - originals).mean((1, 2, 3))\n"
SETS = "float((real.mean(0) - made.mean(0)).norm())"
FEATURES = "torch.tensor(images).to(self.device).float().mean((1, 2))"
ENCODE = "        tokens = self.word_embeddings[ids]\n"
FREE = "np.random.default_rng().random()"
METRICS = [
    ("closeness", "has a docstring", '    """Minus the mean difference."""\n', "", "closeness has no docstring"),
    (
        "closeness",
        "gives finite",
        IMAGES,
        f"{IMAGES}    values = values.mean()\n",
        "gives float64 [], not a float [16]",
    ),
    ("closeness", "gives finite", IMAGES, f"{IMAGES}    values = values + np.inf\n", "identical: it gives inf"),
    ("closeness", "is best", "higher_is_better=True", "higher_is_better=False", "though lower is better"),
    ("closeness", "is best", "made.astype(float) - originals", "made.astype(float)", "noisy gives"),
    ("closeness", "is best", IMAGES, f"{IMAGES}    values *= 0\n", "gives 0 whatever is compared"),
    ("closeness", "measures each", IMAGES, f"{IMAGES}    values -= len(made)\n", "depends on its batch"),
    ("closeness", "gives the same", IMAGES, f"{IMAGES}    values += {FREE}\n", "a second call gives another value"),
    ("closeness", "leaves its", "    return values", "    made += 1\n    return values", "changes its arguments"),
    ("gap", "gives finite", SETS, "(real - made).mean(0)", "it gives float32 [8], not a float []"),
    ("gap", "gives finite", SETS, "float((real - made).norm())", "must match the size of tensor b"),
    ("gap", "is best", SETS, "float(-(real.mean(0) - made.mean(0)).norm())", "moved gives"),
    ("gap", "gives the same", SETS, f"{SETS} + {FREE}", "a second call gives another value"),
    ("gap", "leaves its", f"    return {SETS}", f"    made += 1\n    return {SETS}", "changes its arguments"),
]
EXTRACTOR = [
    ("has a docstring", '    """Mean of each channel."""\n', "", "Channels has no docstring"),
    ("is made with", '    name = "channels"\n', "", "AttributeError: 'Channels' object has no attribute 'name'"),
    ("has a fingerprint", 'of_value("channels")', "3", "fingerprint gives 3, then 3; it is one text"),
    ("has a fingerprint", 'of_value("channels")', f"str({FREE})", "it is one text"),
    ("turns images", FEATURES, f"{FEATURES}.mean(1)", "features of 4 images are torch.Size([4]), not [4, F]"),
    ("turns images", FEATURES, f"{FEATURES} / 0", "features are not all finite floats"),
    ("sees each image", FEATURES, f"{FEATURES} - float(images.mean())", "features depend on the images beside it"),
]
TEXT = [
    ("has a docstring", '    """Words by hash, random embeddings."""\n', "", "Hashes has no docstring"),
    ("is made with", "self, argument: str, device: torch.device", "self, device: torch.device", "TypeError"),
    ("has a fingerprint", 'of_value("hashes")', f"str({FREE})", "it is one text"),
    ("turns texts", "dtype=torch.int64", "dtype=torch.int32", "tokenize gives torch.int32 [3, 10], not int64"),
    ("turns texts", "vocabulary, mask_id = 6, 10, 50, 1", "vocabulary, mask_id = 6, 10, 9, 1", "gives ids from"),
    ("turns ids", "tokens.mean(1)", "tokens", "encode gives [3, 10, 6] and [3, 10, 6], not [3, 10, 6] and [3, 6]"),
    ("turns ids", ENCODE, f"{ENCODE}        tokens = tokens / 0\n", "features are not all finite, or carry gradients"),
    ("has words", "mask_id = 6, 10, 50, 1", "mask_id = 6, 10, 50, 99", "mask_id is 99, of 50"),
    ("has words", 'str, int] = {}', 'str, int] = {"cat": 70}', "the word 'cat' has an id that is not in the vocab"),
    ("has words", "torch.randn(50, 6,", "torch.randn(60, 6,", "word_embeddings are [60, 6], not [50, 6]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"),
    [("metric", "closeness"), ("metric", "gap"), ("feature extractor", "channels"), ("text encoder", "hashes")],
)
def test_what_keeps_its_contract_has_no_broken_duty(answers: Answers, kind: str, name: str) -> None:
    left = [line.text for line in answers(kind, name) if line.status != "ok"]
    assert left == (["measures each image whatever its batch: features are compared as sets"] if name == "gap" else [])


@pytest.mark.parametrize(
    ("kind", "name", "duty", "old", "new", "words"),
    [
        *(("metric", *broken) for broken in METRICS),
        *(("feature extractor", "channels", *broken) for broken in EXTRACTOR),
        *(("text encoder", "hashes", *broken) for broken in TEXT),
    ],
)
def test_a_broken_duty_is_a_line(
    answers: Answers, kind: str, name: str, duty: str, old: str, new: str, words: str
) -> None:
    broken = [line.text for line in answers(kind, name, (old, new)) if line.status == "FAIL"]
    assert any(text.startswith(duty) and words in text for text in broken), broken


def test_every_duty_is_shown_to_fail() -> None:
    told = [broken[1] for broken in METRICS] + ["is called"]  # such a function is not asked, see below
    for duties, beginnings in (
        (DUTIES, told),
        (EXTRACTOR_DUTIES, [broken[0] for broken in EXTRACTOR]),
        (TEXT_DUTIES, [broken[0] for broken in TEXT]),
    ):
        assert not [duty.text for duty in duties if not any(map(duty.text.startswith, beginnings))]


def test_a_metric_that_only_tasks_call_is_not_asked(answers: Answers) -> None:
    edits = [(', compares="images"', ""), ('    metrics=(Metric("bright', '    metrics=("closeness", Metric("bright')]
    lines = answers("metric", "closeness", *edits)
    assert [line.status for line in lines] == ["ok", "skip", "skip"]


def test_a_file_that_cannot_be_imported_is_a_broken_duty(answers: Answers) -> None:
    edits = [("import hashlib\n", "import hashlib\nimport no_such_module\n")]
    assert "ModuleNotFoundError: No module named 'no_such_module' (edited_" in answers("metric", "gap", *edits)[1].text


def test_an_encoder_without_its_weights_is_skipped_with_its_reason(answers: Answers) -> None:
    raises = (
        '        raise __import__("bench.errors").errors.DataError("weights are missing")\n        self.device = torch.'
    )
    *_, why, left = answers("feature extractor", "channels", ("        self.device = torch.", raises))
    assert (why.status, left.status) == ("skip", "skip")
    assert why.text.endswith("weights are missing")
