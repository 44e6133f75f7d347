# The one door. Everything is set up in .venv from the lock files; nothing else is installed.

VENV ?= .venv
RUN ?= runs/demo
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip --require-virtualenv --disable-pip-version-check --no-input install --quiet --no-deps
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" setup.py requirements-build.in
STUDIO_LOCK = $(subst setup.py requirements-build.in,,$(LOCK))

# The first Python that fits, looked for only where it is needed; PYTHON=/path/to/python overrides. Debian ships one
# without ensurepip: it does not fit.
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
FIND := for p in python3 python3.13 python3.12 python3.11 python; do $$p -c '$(FITS)' && echo $$p && break; done 2>/dev/null
PYTHON ?= $(eval PYTHON := $$(shell $$(FIND)))$(PYTHON)

# A virtual environment holds absolute paths: the stamps carry the folder, so that a moved or copied checkout gets its own.
HERE := $(shell pwd -P | cksum | cut -d ' ' -f 1)
MADE := $(VENV)/.made-$(HERE)
RUNTIME := $(VENV)/.runtime-$(HERE)
DEV := $(VENV)/.dev-$(HERE)

# Label Studio contradicts what we pin: it has an environment of its own.
STUDIO_VENV := .label-studio
STUDIO := $(STUDIO_VENV)/.made-$(HERE)

# Somebody else's paths and pip habits must not leak into the environment.
unexport PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint format bench docs pictures lock clean label-studio

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## set up, then build a dataset with no key and no network, in runs/demo (RUN=FOLDER)
	$(BIN)/witnessmark demo --run "$(RUN)"

test: $(DEV) $(STUDIO) ## set up, then run every test (ARGS="tests/schemas -k box")
	WITNESSMARK_LABEL_STUDIO="$(CURDIR)/$(STUDIO_VENV)/bin/label-studio" $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadgroup $(ARGS)

check: lint test ## lint and test: what CI runs

lint: $(DEV) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

label-studio: $(STUDIO) ## set up the server that people work in, for `witnessmark demo --people` and the tests

bench: $(DEV) ## measure against the floor, in ratios (ARGS="--help")
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(RUNTIME) ## write docs/recipe.md from the plug-ins' options
	$(BIN)/python -m pipeline.recipe_reference docs/recipe.md

pictures: demo $(DEV) ## take the README's pictures anew, of the demo, with the system's Chromium
	$(BIN)/python docs/pictures/make.py "$(RUN)"

lock: $(DEV) ## write the lock files from setup.py, for every supported Python and platform (ARGS=--upgrade)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(LOCK) $(ARGS) requirements-dev.in --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock
	$(STUDIO_LOCK) $(ARGS) requirements-label-studio.in --output-file requirements-label-studio.lock

clean: ## remove the environment and every cache; runs stay
	rm -rf $(VENV) $(STUDIO_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(MADE):
	@"$(or $(PYTHON),false)" -c '$(FITS)' 2>/dev/null || { \
		echo 'No Python 3.11, 3.12 or 3.13 with venv and ensurepip was found$(if $(PYTHON), at $(PYTHON)).' >&2; \
		echo 'Install one (on Debian and Ubuntu: python3 and python3-venv), or say where it is: make PYTHON=/path/to/python3.11' >&2; \
		exit 2; }
	@echo 'Setting up $(VENV) with '"$$($(PYTHON) --version)"'; this happens once and takes a minute or two.'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUNTIME): $(MADE) requirements.lock setup.py pyproject.toml
	$(INSTALL) --require-hashes --only-binary :all: --requirement requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q schemas annotators pipeline
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	$(INSTALL) --require-hashes --no-build-isolation --use-pep517 --requirement requirements-dev.lock
	@touch $@

$(STUDIO): requirements-label-studio.lock $(MADE)
	@echo 'Setting up $(STUDIO_VENV) with Label Studio; this happens once and takes a minute or two.'
	@$(BIN)/python -m venv --clear $(STUDIO_VENV)
	@$(STUDIO_VENV)/bin/python -m pip --require-virtualenv --disable-pip-version-check --no-input install --quiet --no-deps \
		--require-hashes --requirement requirements-label-studio.lock
	@touch $@
