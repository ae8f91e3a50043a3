# Every target prepares what it needs: on a fresh machine `make test` and `make demo` work at once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
RAY_VENV := .venv-ray
BIN := $(VENV)/bin
STAMP := $(VENV)/.moorage-installed
N ?= 20000
CLIENTS ?= 16
SECONDS ?= 60
JOBS ?= 2
RESULTS ?= build/bench
PROTO := placement/v1/placement.proto
CODE := $(wildcard placement solver topology tests examples bench)

.PHONY: help install demo test pytest test-data test-ray verify mutate soak bench bench-quick proto lint format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The first interpreter that really runs and is 3.11 to 3.13 (a version manager's shim may exist and still fail).
$(BIN)/python:
	@for candidate in python3 python3.13 python3.12 python3.11; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; then \
	    echo "creating $(VENV) with $$($$candidate -V)"; exec $$candidate -m venv $(VENV); \
	  fi; \
	done; \
	echo "make: no working Python 3.11, 3.12 or 3.13 with venv found; install one and run make again" >&2; exit 1

$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

install: $(STAMP) ## make .venv and install moorage with its development tools

demo: $(STAMP) ## start the real server and place a batch on a reference fleet
	$(BIN)/python -m examples.demo

test: $(STAMP) ## lint, types, contract and all tests that need no measured data
	@$(MAKE) --no-print-directory -j 2 lint pytest

# Beside the lint, which takes one core for its first minute, while tests wait for processes to start.
pytest: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not data' --durations=10

test-data: $(STAMP) ## the tests on measured traces; needs MOORAGE_DATA=folder
	@if [ ! -d "$${MOORAGE_DATA:-}" ]; then echo "make: set MOORAGE_DATA to the folder of measured traces" >&2; exit 2; fi
	MOORAGE_FAIL_ON_SKIP=1 $(BIN)/python -m pytest -n $(JOBS) -m data

test-ray: $(STAMP) ## helpers on a real Ray cluster of two nodes, in a second environment (600 MB)
	[ -x $(RAY_VENV)/bin/python ] || $(BIN)/python -m venv $(RAY_VENV)
	$(RAY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,ray]'
	MOORAGE_FAIL_ON_SKIP=1 $(RAY_VENV)/bin/python -m pytest tests/solver/test_on_ray.py

verify: $(STAMP) ## check N random cases against brute force (N=20000)
	$(BIN)/python -m tests.verify --cases $(N)

mutate: $(STAMP) ## N requests changed at random to the real server (N=20000)
	$(BIN)/python -m tests.mutate --requests $(N)

soak: $(STAMP) ## many clients against the real server (CLIENTS=16 SECONDS=60)
	$(BIN)/python -m tests.soak --clients $(CLIENTS) --seconds $(SECONDS)

bench: $(STAMP) ## all suites in full into RESULTS (many hours); measured data too with MOORAGE_DATA=folder
	$(BIN)/python -m bench run all --out $(RESULTS)

bench-quick: $(STAMP) ## all suites on small instances into RESULTS (ten minutes); measured data too with MOORAGE_DATA
	$(BIN)/python -m bench run all --quick --out $(RESULTS)
	@echo "report: $(RESULTS)/report.html"

proto: $(STAMP) ## regenerate the stubs in placement/v1
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=. --pyi_out=. --grpc_python_out=. $(PROTO)

lint: $(STAMP) ## ruff, mypy --strict and buf
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/buf lint proto
	$(BIN)/buf format --diff --exit-code proto

format: $(STAMP) ## let ruff format and mend what it can
	$(BIN)/ruff check --fix-only --quiet . || true
	$(BIN)/ruff format .

clean: ## remove .venv, caches and build results
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
