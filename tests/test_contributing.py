"""What CONTRIBUTING.md names is there, and the hooks of pre-commit run what `make lint` runs."""

from __future__ import annotations

import importlib
import re

import yaml

from bench.system.files import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_file_that_is_named_exists() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    quoted = re.findall(r"`((?:bench|methods|tasks|examples|scripts|tests|docs)/[\w/.-]*)`", TEXT)
    assert len(linked) > 5
    assert len(quoted) > 10
    assert not [path for path in (*linked, *quoted) if not (ROOT / path).exists()]


def test_every_name_that_is_recommended_exists() -> None:
    for module, names in {
        "bench.contracts.facts": ("MetricFacts",),
        "bench.contracts.method": ("Method", "Tokenizer", "Quantized", "TextEncoder"),
        "bench.data.reading.base": ("FromFiles",),
        "bench.features.extractor": ("Extractor",),
        "bench.system.kept": ("kept_folder",),
        "bench.methods.parts.autoencoder": ("Autoencoder",),
        "bench.methods.parts.vector_quantizer": ("Quantizer",),
    }.items():
        assert all(name in TEXT for name in names)
        assert all(hasattr(importlib.import_module(module), name) for name in names)


def test_pre_commit_runs_what_make_lint_runs() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint is not None
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in lint[1].splitlines()]
    assert [hook["entry"] for hook in local["hooks"]] == commands
    assert not any(hook["pass_filenames"] for hook in local["hooks"])


def test_the_packages_say_that_they_are_typed() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("bench", "methods", "tasks"))
    assert '"*" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_the_changelog_begins_with_what_is_not_released_and_knows_the_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == "Unreleased"
    declared = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert versions[1] == declared[1]
