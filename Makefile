# make demo | make test | make lint | make setup. ARGS goes to the command, e.g. make demo ARGS=--once
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
CORES := $(shell nproc 2>/dev/null || echo 2)
# Tests wait for servers and processes more than they compute, so there are half as many workers again as cores.
TESTERS ?= $(shell expr \( $(CORES) \* 3 + 1 \) / 2)
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock format clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

# The stamps say which lock the environment was made from; a changed lock installs again. A lock names
# everything, so pip is told not to look for more: of an extra it would take the newest, which no hash covers.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Nightshift needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements.lock pyproject.toml
	@test -e $(VENV)/.dev && touch $@ || { \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e . && touch $@; }

$(VENV)/.dev: $(VENV)/.made requirements-dev.lock pyproject.toml
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.dev ## an environment with everything

demo: $(VENV)/.runtime ## two incidents, live; needs no key, no Docker, no network (ARGS=--once, ARGS=--docker)
	@$(BIN)/nightshift demo $(ARGS)

test: $(VENV)/.dev ## all tests; those of the real stack are skipped where it is missing
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy, import-linter, codespell
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/codespell

# Versions that are locked stay; ARGS=--upgrade takes newer ones.
lock: $(VENV)/.dev ## the locks, from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate $(ARGS) pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate $(ARGS) -c requirements.lock --extra postgres pyproject.toml -o requirements-postgres.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate $(ARGS) --group dev --extra mcp --extra postgres pyproject.toml -o requirements-dev.lock

format: $(VENV)/.dev ## ruff's own hand
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean: ## away with the environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
