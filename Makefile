# Every target makes its own environment; nothing here needs more than python3 with venv and make.
PYTHON ?= python3
# More than there are cores: most tests wait for a server that they started, not for a core.
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help install demo test test-edge check bench bench-detection soak kafka lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: locks/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tocsin needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "No venv module: apt-get install python3-venv, then try again."; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	@touch $@

install: $(VENV)/.run  ## put the tocsin command into .venv/bin

demo: $(VENV)/.run  ## watch machines wear out and ring, on http://127.0.0.1:8765
	$(BIN)/tocsin demo

# Else every worker, and every process that a test starts, compiles the checkout anew.
test test-edge: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev  ## run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

$(VENV)-edge/.done: locks/edge.txt pyproject.toml
	@test -x $(VENV)-edge/bin/python || $(PYTHON) -m venv $(VENV)-edge
	$(VENV)-edge/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/edge.txt
	$(VENV)-edge/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test-edge: $(VENV)-edge/.done  ## run the edge's tests where only its own packages are installed
	$(VENV)-edge/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests/edge

check: $(VENV)/.dev  ## lint, format and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev  ## measure speed, memory and alarms; writes build/bench.json
	$(BIN)/python -m benchmarks

bench-detection: $(VENV)/.dev  ## run every public data set through its recipe; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.detection

soak: $(VENV)/.dev build/kafka/.done  ## kill, stop and cut off every part of a fleet for ten minutes, and count
	$(BIN)/python -m benchmarks soak

build/kafka/.done: .ci/kafka.xml
	mvn --quiet --batch-mode --file .ci/kafka.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/build/kafka
	@touch $@

kafka: build/kafka/.done  ## fetch a Kafka broker for the tests (needs java and mvn)

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(VENV)/.dev  ## renew the locked dependencies
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --group dev --extra all --extra mlflow --extra build pyproject.toml -o locks/dev.txt
	$(COMPILE) --extra all --extra build --constraint locks/dev.txt pyproject.toml -o locks/run.txt
	$(COMPILE) --group edge-test --extra edge --extra build pyproject.toml -o locks/edge.txt
	$(COMPILE) --extra edge --extra bus --extra build --constraint locks/run.txt pyproject.toml -o locks/edge-fleet.txt

clean:  ## remove the environment and everything built
	rm -rf $(VENV) $(VENV)-edge build dist .mypy_cache .ruff_cache .pytest_cache
