# Needs Python 3.10 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
# One computing thread for each of two test processes is faster than two threads fighting for both.
TEST_ENV := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

.PHONY: demo test quick lint types contracts check bench smoke clean

demo: .venv/demo.stamp  ## the whole pipeline on a real model: 12 minutes on one busy core
	$(BIN)/instatune run examples/01_bert_docs/spec.yaml

test: .venv/dev.stamp  ## the whole test suite
	$(TEST_ENV) $(BIN)/pytest -n 2

quick: .venv/dev.stamp  ## all but the slow tests
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not slow"

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

contracts: .venv/dev.stamp
	$(BIN)/lint-imports

check: lint types contracts

smoke: .venv/dev.stamp  ## each example, small enough for a continuous build
	$(BIN)/python tests/end_to_end/smoke.py

bench: .venv/dev.stamp  ## make bench NAME=step_ratio
	$(BIN)/python tests/benchmarks/$(NAME).py

clean:
	rm -rf .venv runs dist .pytest_cache .mypy_cache .ruff_cache

.venv/demo.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
	touch $@

.venv/dev.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@ .venv/demo.stamp
