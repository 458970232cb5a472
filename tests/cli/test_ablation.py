"""An ablation compares a method with its subsets as it is set, so that a loss is all that differs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.ablation import for_all
from bench.errors import UsageError

OTHERS = ["vqgan", "lgvq", "lgvq-gsa"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["lgvq.init=features"], ["vqgan.init=features", "lgvq-gsa.init=features"]),
        (["lgvq.init=features", "vqgan.init=kmeans"], ["lgvq-gsa.init=features"]),
        (["lgvq.variant=paper"], ["lgvq-gsa.variant=paper"]),  # its base has no text
        (["lgvq.losses=('gsa',)"], []),  # what a subset is
        (["vqgan.beta=0.5", "preset.steps=3"], []),
    ],
)
def test_what_is_set_of_the_method_is_set_of_its_subsets(settings: list[str], expected: list[str]) -> None:
    assert for_all("lgvq", OTHERS, settings) == [*settings, *expected]


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(UsageError, match=r"NAME\.ARG=VALUE"):
        for_all("lgvq", OTHERS, ["lgvq"])


def test_no_two_subsets_of_a_plan_differ_in_more_than_losses(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """As if each had been set by itself."""
    words = ("--tasks", "vqa", "--dry-run", "--json")
    ablated = bench("ablate", "--method", "lgvq", "--set", "lgvq.init=features", *words)
    assert ablated.returncode == 0, ablated.stderr
    names = sorted({row["method"] for row in json.loads(ablated.stdout)} - {"blind"})
    assert len(names) == 8
    each = [word for name in names for word in ("--set", f"{name}.init=features")]
    ran = bench("run", "--methods", ",".join(names), *each, *words)
    assert {row["key"] for row in json.loads(ablated.stdout)} == {row["key"] for row in json.loads(ran.stdout)}
