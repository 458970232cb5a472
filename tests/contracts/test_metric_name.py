import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.contracts.metric import MetricName

WORDS = st.from_regex(r"[a-z0-9.\-]{1,8}", fullmatch=True)
DECLARED = ("fd", "cider_d", "accuracy", "vqa_accuracy", "clip_score", "wups")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("psnr", MetricName("psnr")),
        ("cider_d", MetricName("cider_d")),
        ("fd_tinyclip@floor", MetricName("fd", "tinyclip", "", "floor")),
        ("fd_tinyclip/part@variant", MetricName("fd", "tinyclip", "part", "variant")),
        ("accuracy/yes/no", MetricName("accuracy", "", "yes/no")),
        ("vqa_accuracy/number@novel-pairs", MetricName("vqa_accuracy", "", "number", "novel-pairs")),
        ("clip_score_tiny-clip@novel-pairs", MetricName("clip_score", "tiny-clip", "", "novel-pairs")),
        ("wups_0.9", MetricName("wups", "0.9")),
        ("knn_accuracy", MetricName("knn_accuracy")),
    ],
)
def test_names(text: str, name: MetricName) -> None:
    assert MetricName.parse(text, DECLARED) == name
    assert str(name) == text


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(DECLARED), *[st.one_of(st.just(""), WORDS)] * 3)
def test_what_is_written_is_read_again(metric: str, source: str, part: str, variant: str) -> None:
    name = MetricName(metric, source, part, variant)
    assert MetricName.parse(str(name), DECLARED) == name


def test_main_values_are_over_all_examples_of_the_test_split() -> None:
    assert MetricName("fd", "tinyclip").main
    assert not MetricName("fd", "tinyclip", variant="floor").main
    assert not MetricName("accuracy", part="color").main
