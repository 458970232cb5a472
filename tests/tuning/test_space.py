"""Spaces: what is read from text, what is drawn, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.errors import UsageError
from bench.tuning.space import Choice, Range, Search, parse_search


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gsa=loguniform(1e-4,1e-1)", Search("gsa", False, Range(1e-4, 0.1, log=True))),
        ("preset.average = uniform( 0.5 , 1 )", Search("average", True, Range(0.5, 1.0))),
        ("codes=randint(2,9)", Search("codes", False, Range(2.0, 9.0, whole=True))),
        ("init=choice(data, uniform,data)", Search("init", False, Choice(("data", "uniform")))),
        ("preset.betas=choice((0.5,0.9),(0.9,0.99))", Search("betas", True, Choice(("(0.5,0.9)", "(0.9,0.99)")))),
        ("word=choice('a,b',c)", Search("word", False, Choice(("'a,b'", "c")))),
    ],
)
def test_what_is_read(text: str, expected: Search) -> None:
    assert parse_search(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gsa", "--search takes"),
        ("lgvq.gsa=uniform(0,1)", "--search takes"),
        ("g sa=uniform(0,1)", "--search takes"),
        ("gsa=0.5", "a space is one of loguniform"),
        ("gsa=loguniforn(1,2)", "did you mean 'loguniform'"),
        ("gsa=uniform(1)", "takes two numbers"),
        ("gsa=uniform(1,2,3)", "takes two numbers"),
        ("gsa=uniform(a,b)", "takes two numbers"),
        ("gsa=uniform(__import__('os').getpid(),1)", "takes two numbers"),
        ("gsa=uniform(2,1)", "has to be larger"),
        ("gsa=uniform(0,inf)", "finite"),
        ("gsa=uniform(nan,1)", "finite"),
        ("gsa=loguniform(0,1)", "larger than 0"),
        ("gsa=randint(1.5,3)", "two whole numbers"),
        ("gsa=choice()", "an option is empty"),
        ("gsa=choice(a,,b)", "an option is empty"),
        ("gsa=choice((1,2)", "')' is missing"),
        ("gsa=choice(1])", "closes nothing"),
        ("gsa=choice('a)", '"\'" is missing'),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(").replace(")", r"\)")) as caught:
        parse_search(text)
    assert "\n" not in str(caught.value)


def test_known_shares() -> None:
    rates = Range(0.0002, 0.02, log=True)
    assert [rates.at(share) for share in (0.0, 0.5, 0.75)] == ["0.0002", "0.002", "0.006325"]
    assert Range(-1.0, 1.0).at(0.75) == "0.5"
    assert [Range(2.0, 5.0, whole=True).at(share) for share in (0.0, 0.34, 0.999)] == ["2", "3", "4"]
    assert [Choice(("a", "b")).at(share) for share in (0.0, 0.49, 0.5)] == ["a", "a", "b"]


def test_rounding_never_leaves_the_range() -> None:
    narrow = Range(0.123456, 0.123457)
    assert {narrow.at(share) for share in (0.0, 0.5, 0.99)} <= {"0.123456", "0.123457"}


def test_draws_fill_the_space_and_are_the_same_again() -> None:
    search = parse_search("preset.learning_rate=loguniform(1e-4,1e-2)")
    logs = np.array([math.log10(float(search.draw(number))) for number in range(400)])
    assert logs.min() >= -4
    assert logs.max() <= -2
    counts = np.histogram(logs, bins=4, range=(-4, -2))[0]
    assert counts.min() > 60  # of 100 expected: four standard deviations
    assert {parse_search("codes=randint(2,6)").draw(number) for number in range(60)} == {"2", "3", "4", "5"}
    assert [search.draw(number) for number in range(3)] == [search.draw(number) for number in range(3)]
    other = [parse_search("gsa=loguniform(1e-4,1e-2)").draw(number) for number in range(3)]
    assert other != [search.draw(number) for number in range(3)]  # arguments are drawn apart
