# The one door. Every target does the set-up that it needs; a second run is instant.
#
#   make demo [PORT=8080] [DATA=demo-data]   everything on this machine, with a county's samples
#   make setup                               the environment in .venv; the program is .venv/bin/gazette
#   make test [ARGS="-k name"]               the tests, on real servers; TESTS= adds the browser, the slow and the long ones
#   make check                               format, lint, types, import contracts; under a minute
#   make bench                               what we claim about speed, with its figures
#   make bundle                              one archive that installs without a network, in dist/
#   make fix                                 format, and mend what ruff can mend
#
# Needs Python 3.11, make and sh; no root, no Docker.

PYTHON ?= python3.11
PORT ?= 8080
DATA ?= demo-data
ARGS ?=
# Two workers with servers of their own; a file of tests is one worker's. JOBS=0: none, for a debugger.
JOBS ?= 2
# CI adds a real browser, a thousand documents, kill -9 in a loop; TESTS= also what takes minutes by design.
TESTS ?= -m "not browser and not slow and not containers"

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
SOURCES := services shared tests benchmarks

# uv where it is there, because it is quick; pip does the same. Both check every hash of the lock.
INSTALL = sh -c 'if uv --version >/dev/null 2>&1 && \
	uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes --no-deps -r "$$1"; then :; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps -r "$$1"; fi' install

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bundle fix clean

help:
	@sed -n '3,9s/^# *//p' Makefile

setup: $(RUNTIME)

demo: $(RUNTIME)
	@exec $(BIN)/gazette demo --port $(PORT) --data $(DATA)

test: $(DEV)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS) $(ARGS)

check: $(DEV)
	@$(BIN)/ruff format --check --quiet $(SOURCES) >/dev/null || { echo 'Not formatted: run `make fix`.'; exit 1; }
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(DEV)
	@set -e; for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench $(ARGS); done

bundle:
	@PYTHON=$(PYTHON) sh deploy/bundle/make.sh dist

fix: $(DEV)
	@$(BIN)/ruff check --fix --quiet $(SOURCES) || true
	@$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
		{ echo 'Python 3.11 is needed: install it, or name it with `make PYTHON=/path/to/python3.11 …`.'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo 'This Python cannot make environments: install its venv package (python3.11-venv).'; exit 1; }

# The program is the source tree itself: one line in site-packages leads to it, and a small script starts it.
$(RUNTIME): requirements.lock | $(VENV)/pyvenv.cfg
	@echo 'Installing what the program needs …'
	@$(INSTALL) requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; (pathlib.Path(sysconfig.get_path("purelib")) / "open_gazette.pth").write_text("$(CURDIR)\n", encoding="utf-8")'
	@printf '#!/bin/sh\nexec "%s/python" -P -m services.cli "$$@"\n' "$(CURDIR)/$(BIN)" > $(BIN)/gazette
	@chmod +x $(BIN)/gazette
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo 'Installing what tests and checks need …'
	@$(INSTALL) requirements-dev.lock
	@touch $@
