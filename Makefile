# make demo and make test do all the set-up on a fresh clone; every path is relative, so the clone may lie anywhere.
PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check -qq
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format clean

help:
	@echo "make demo    set up, then grow a data set, train on it, evaluate, predict: about 4 minutes"
	@echo "make test    set up, then style, types, layers and tests"
	@echo "make lint    style, types and layers only"
	@echo "make format  let ruff put the code in order"
	@echo "make clean   remove the environment and everything that was made"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Modicum needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Setting up .venv (a few minutes, once)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: setup
	@.venv/bin/modicum demo --out demo

lint: setup
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet \
		|| { echo "Not in ruff's format: run 'make format'." >&2; exit 1; }
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo > .venv/layers.log || { cat .venv/layers.log; exit 1; }

test: lint
	@OMP_NUM_THREADS=1 .venv/bin/pytest -n 2  # more threads than cores would wait for each other

format: setup
	@.venv/bin/ruff check --fix --quiet
	@.venv/bin/ruff format --quiet

clean:
	@rm -rf .venv demo runs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis src/modicum.egg-info
	@find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
