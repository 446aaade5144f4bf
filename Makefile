# Everything here sets itself up in .venv; only Python >= 3.11 and make are needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test test-slow lint types format bench clean

demo: $(READY)            ## the whole story on an embedded sandbox: register, mute, kill -9, resume, delete
	$(BIN)/bulkim demo

test: $(READY)            ## the default suite, under two minutes
	$(BIN)/python -m pytest -n 4  # they wait more than they compute

test-slow: $(READY)       ## what is marked slow: storms, long runs
	$(BIN)/python -m pytest -m slow -n 2

bench: $(READY)           ## cost and speed side by side with others, in five minutes; BENCH="calls --huge" chooses
	$(BIN)/python -m tests.benchmarks $(BENCH)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "bulkim needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
