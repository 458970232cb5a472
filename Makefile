# make run: set up, then a real comparison of two codebooks. make test: the whole test suite.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint clean

run: .venv/ready
	$(BIN)/python -m bench run --methods lgvq,vqgan --tasks vqa --results runs/quickstart
	$(BIN)/python -m bench leaderboard --results runs/quickstart

test: .venv/ready
	$(BIN)/python -m pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch comes first: torchvision's wheel would otherwise choose the build.
.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv runs
