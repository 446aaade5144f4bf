# Everything here sets itself up in .venv; only Python >= 3.11 and make are needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BASE   := $(VENV)/.base
READY  := $(VENV)/.ready
DOCS   := $(VENV)/.docs
SPHINX := $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going

unexport PYTHONDONTWRITEBYTECODE  # a thousand processes that start, and each would compile what it imports

.PHONY: locale demo demo-fleet test test-slow test-fleet test-campaign lint types format docs docs-locale man bench clean

demo: $(BASE)             ## the whole story on an embedded sandbox: register, mute, kill -9, resume, delete
	$(BIN)/bulkim demo

demo-fleet: $(READY)      ## forty runs on three workers, one killed, one stopped; PostgreSQL comes with the tools
	$(BIN)/python tests/fleet/demo.py

test: $(READY)            ## the default suite: two minutes on two cores
	@ls tests/unit/__pycache__/*-pytest-*.pyc >/dev/null 2>&1 || $(BIN)/python -m pytest --collect-only -q >/dev/null || true  # compiled once, not by each worker
	$(BIN)/python -m pytest -n 6 --dist worksteal  # they wait more than they compute

test-slow: $(READY)       ## what is marked slow: storms, long runs
	$(BIN)/python -m pytest -m "slow and not campaign" -n 4 --dist worksteal

test-fleet: $(READY)      ## the fleet at the other end of the PostgreSQL versions that are there, oldest or newest
	BULKIM_TEST_PG=other $(BIN)/python -m pytest tests/fleet -n 4 --dist worksteal

test-campaign: $(READY)   ## what takes many minutes and the machine for itself: 500 kills, a fleet at its limit
	$(BIN)/python -m pytest -m campaign

docs: $(DOCS)             ## the site, in build/docs
	$(SPHINX) --doctree-dir build/doctrees -t languages -b html docs build/docs
	$(SPHINX) --doctree-dir build/doctrees-zh -t languages -D language=zh_CN -b html docs build/docs/zh
	@echo "build/docs/index.html, in Chinese build/docs/zh/index.html"

docs-locale: $(DOCS)      ## brings docs/locale up to the English pages, and names what is to be translated
	$(BIN)/python docs/translations.py

man: $(DOCS)              ## the man pages, in build/man; look at one with: man -l build/man/bulkim.1
	$(SPHINX) --doctree-dir build/doctrees-man -b man -t man docs build/man

bench: $(READY)           ## cost and speed side by side with others, in five minutes; BENCH="calls --huge" chooses
	$(BIN)/python -m tests.benchmarks $(BENCH)

locale: $(READY)          ## compiles the translations in bulkim/locale
	$(BIN)/pybabel --quiet compile --domain bulkim --directory bulkim/locale

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# uv installs in seconds what takes pip a minute. Where it is missing, or cannot reach an index, pip does it.
UV      := $(shell command -v uv 2>/dev/null)
INSTALL  = $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt $(1) || ) \
  $(BIN)/python -m pip install --quiet --constraint constraints.txt $(1)

$(BASE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "bulkim needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "setting up $(VENV) with $(if $(UV),uv: a few seconds,pip: about a minute; with uv it is a few seconds)" >&2
	$(PYTHON) -m venv $(VENV)
	$(call INSTALL,--editable .)
	@touch $@

$(READY): $(BASE)
	$(call INSTALL,--editable '.[dev]')
	@touch $@

$(DOCS): $(READY)
	$(call INSTALL,--editable '.[docs]')
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/_generated .mypy_cache .pytest_cache .ruff_cache .hypothesis
