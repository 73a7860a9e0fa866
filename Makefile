# Cutis. `make help` lists the targets; each installs what it needs first.

VENV ?= .venv
OUTPUT ?= demo-output
EXTRAS := $(VENV)/.extras
BIN := $(VENV)/bin
SHELL := /bin/sh

# Many processes share the cores here: a BLAS that starts threads in each only slows them all down.
export OPENBLAS_NUM_THREADS ?= 1
# Nor may threads spin while they wait for one that gets no core (docs/adr/0018).
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo viewer up test conformance browser-test bad-input chaos scale-test eval compose-test helm-test \
	helm-docs check \
	format clean \
	needs-demo needs-viewer needs-test needs-browser

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: needs-demo $(EXTRAS)-local ## the whole pipeline on sample studies, results read back
	$(BIN)/cutis demo --output $(OUTPUT)

viewer: needs-viewer $(EXTRAS)-local ## the demo, kept running, with the OHIF viewer over its results
	$(BIN)/cutis demo --output $(OUTPUT) --keep --viewer

up: needs-demo $(EXTRAS)-local ## run the pipeline in the foreground, files in ./var
	$(BIN)/cutis up

test: needs-test $(EXTRAS)-dev ## all tests; needs no GPU
	$(BIN)/python -m pytest --numprocesses 2 $(PYTEST)

browser-test: needs-browser $(EXTRAS)-dev ## overlays in OHIF, in a real browser, pixel by pixel
	$(BIN)/python -m pytest -m browser tests/browser $(PYTEST)

conformance: needs-test $(EXTRAS)-dev ## every result of every input, read by other people's programs
	$(BIN)/python -m tests.conformance

bad-input: needs-test $(EXTRAS)-dev ## broken and hostile input over real sockets, as a table
	$(BIN)/python -m pytest -m bad_input tests/badinput $(PYTEST)

compose-test: needs-test $(EXTRAS)-dev ## docker-compose.yml for real: build, up, self-test, kill each, down
	$(BIN)/python -m pytest -m containers tests/deploy/test_compose.py tests/deploy/test_viewer.py $(PYTEST)

helm-test: needs-test $(EXTRAS)-helm ## the chart: many values, strict schemas, invariants, one run as containers
	$(BIN)/python -m pytest -m helm tests/deploy $(PYTEST)

helm-docs: $(EXTRAS)-dev ## README.md and values.schema.json of the chart, from its values.yaml
	$(BIN)/python -m tests.deploy.chart_docs

chaos: needs-test $(EXTRAS)-dev ## kill -9 everything, everywhere, under load: nothing lost, nothing twice
	$(BIN)/python -m tests.chaos $(CHAOS)

scale-test: needs-test $(EXTRAS)-dev ## workers and Ray nodes come and go under load
	$(BIN)/python -m tests.scaling

eval: $(EXTRAS)-local ## tables of all models from the shipped weights; ARGS=--quick takes minutes
	$(BIN)/cutis eval all $(ARGS)

check: $(EXTRAS)-dev ## lint, format, types, directions of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(EXTRAS)-dev ## put the code into its format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the environment and what the demo left
	rm -rf $(VENV) $(OUTPUT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

needs-demo:
	@sh deploy/install/needs.sh demo

needs-viewer:
	@sh deploy/install/needs.sh viewer

needs-test:
	@sh deploy/install/needs.sh test

needs-browser:
	@sh deploy/install/needs.sh browser

# One stamp a set of extras: installing again happens only when a pin or a need has changed.
$(EXTRAS)-%: pyproject.toml constraints.txt
	test -x $(BIN)/python || "$$(sh deploy/install/find-python.sh)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[$*]' --constraint constraints.txt
	touch $@
