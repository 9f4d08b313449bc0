PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
ARGS ?=

.PHONY: run test clean

# The main job on the bundled model, offline once installed: make run ARGS="backend=transformers prompts.limit=5"
run: .venv/run.done
	$(BIN)/python -m infra $(ARGS)

# Everything that must hold: lint, types, tests, on all three engines.
test: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv/run.done: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable ".[transformers]"
	touch $@

.venv/test.done: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable ".[all,cluster,dev]"
	touch $@ .venv/run.done

clean:
	rm -rf .venv
