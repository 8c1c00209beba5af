# `make` alone prints what there is. Everything runs from .venv, which `make setup` builds.

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
SYNCED := .venv/.synced
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
UV_VERSION := 0.13.9
UV = $$(command -v uv || echo .cache/uv-$(UV_VERSION)/bin/uv)
FIGURES := $(basename $(notdir $(wildcard bench/attacks.py bench/can*.py bench/fanout.py bench/first_frame.py bench/idle.py bench/offset.py bench/readopt.py bench/sensors.py bench/truth.py bench/*join.py bench/*mqtt.py)))
FIGURES += together join_finish stills page_clients
export UV_PYTHON_DOWNLOADS := never
# Modules are compiled once, not at the start of each process of a rig and each test worker.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check docs format soak nightly rig rig-full bench bench-join clean packages test-packages

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: packages $(SYNCED) ## Install what is missing and build .venv (quick when nothing is missing)

demo: setup ## Record, join and verify a session with three cameras (KEEP=1 stays up)
	@$(BIN)/ctlr demo $(if $(KEEP),--keep)

test: test-packages check ## Checks, then every test: unit, component, whole rigs
	$(BIN)/pytest -n 2 --ignore=tests/component --ignore=tests/e2e
	$(BIN)/pytest -n 2 --dist loadfile tests/component
	$(BIN)/pytest tests/e2e

check: setup ## Format, lint, types and import layers; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## The documents as a site with search, in .cache/site; a warning is an error
	@$(UV) sync --frozen --quiet --group docs
	@NO_COLOR=1 $(BIN)/zensical build --strict --clean

format: setup ## Format the code and fix what the linter can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

soak: setup ## A rig under random kills, freezes and cut links (SEED=1 MINUTES=3)
	@$(BIN)/python -m tests.soak --seed $(or $(SEED),1) --minutes $(or $(MINUTES),3)

nightly: test-packages setup ## Thousands of examples, and components whose tasks wake late (SEED=1; hours)
	$(BIN)/pytest -n 2 --hypothesis-profile=thorough --timeout 1800 tests/unit
	CTLR_DELAYS=$(or $(SEED),1) $(BIN)/pytest -p tests.delays --timeout 600 tests/component

rig: test-packages $(SYNCED) ## Machines, installed and booted, drives pulled and power cut (as root)
	@$(AS_ROOT) $(BIN)/python -m rig $(RIG)

rig-full: test-packages $(SYNCED) ## The same, everything and often (two hours)
	@$(AS_ROOT) $(BIN)/python -m rig --full --log rig-full.jsonl

bench: setup ## Every figure, each beside its reference (minutes)
	@for figure in $(FIGURES); do \
		echo "== $$figure"; $(BIN)/python -m bench.$$figure || exit 1; done

bench-join: setup ## The join beside cat and ffmpeg
	@$(BIN)/python -m bench.join

clean: ## Remove .venv, caches and demo sessions
	rm -rf .venv .cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis demo-session

packages:
	@script/install_packages.sh

test-packages:
	@script/install_packages.sh tests

# A uv on the PATH is used; without one, a pinned uv gets a virtual environment of its own.
$(SYNCED): uv.lock pyproject.toml | packages
	@uv=$$(command -v uv) || { \
		uv=.cache/uv-$(UV_VERSION)/bin/uv; \
		[ -x $$uv ] || { python3 -m venv .cache/uv-$(UV_VERSION) && \
			.cache/uv-$(UV_VERSION)/bin/pip install --quiet uv==$(UV_VERSION); } || exit 1; }; \
	$$uv sync --frozen --quiet
	@touch $@
