# Needs git, make and Python 3.11 or newer. Everything else goes into .venv, once; later runs start at once.
#
#   make demo     simulate a small genome with known truth, call it, print how well that went
#   make test     ruff, mypy and all tests          (PYTEST_ARGS="-k pileup" for some of them)
#   make format   put the code into its format
#   make clean    remove .venv and everything else that was built

.DEFAULT_GOAL := help
.PHONY: help demo test lint format dist clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?=
DEMO_ARGS ?=

# The first Python on this machine that is new enough (and is no broken shim).
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$python; break; }; done)

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "make: '$(PYTHON) -m venv' failed (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }

# An editable install leaves the byte code to the first run, which PYTHONDONTWRITEBYTECODE forbids: 0.1 s a run.
COMPILE := $(BIN)/python -m compileall -q gpucall || true

# One stamp per set of dependencies; a change of pyproject.toml installs anew.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/gpucall demo $(DEMO_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy gpucall

# The import test comes first: where the house's walls are broken, the rest says little.
test: lint
	$(BIN)/python -m pytest --quiet tests/test_imports.py
	$(BIN)/python -m pytest $(PYTEST_ARGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

dist: $(VENV)/.installed-dev
	$(PIP) install build
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
