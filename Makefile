# recsys: everything a person runs. `make` alone lists it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NAME ?=
DATA ?=
.DEFAULT_GOAL := help
.PHONY: help venv demo smoke test check bench mlflow serve clean

help: ## list what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: $(STAMP) ## make .venv with the pinned dependencies

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard recsys/*/*.[ch] recsys/*/*/*.[ch])
	@command -v $(PYTHON) >/dev/null || { echo "recsys needs Python 3.11 or newer as $(PYTHON); set PYTHON=…"; exit 2; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || \
		{ echo "lightfm and this project's loops are built from source and need a C compiler: apt-get install gcc, or xcode-select --install"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP) ## the whole loop on MovieLens 100K, served on http://localhost:3000 until Ctrl-C
	$(BIN)/recsys demo

smoke: $(STAMP) ## the demo without a person: asserts on its own answers and stops
	$(BIN)/recsys demo --smoke --port 3055

test: $(STAMP) ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

check: $(STAMP) ## format, lint, types, floors, tests: what has to be green before a commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(STAMP) ## measurements against peers: make bench NAME=loop, or all of them with DATA=folder of logs
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	$(BIN)/python -m benchmarks $(or $(NAME),all) $(if $(DATA),--data $(DATA))

mlflow: $(STAMP) ## the tracking UI on http://localhost:5000
	$(BIN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/var/mlflow.db --port 5000

serve: $(STAMP) ## serve the published champion
	$(BIN)/recsys serve

clean: ## remove the environment and everything made under var/
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
