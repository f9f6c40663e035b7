# Every target makes .venv first if it is not there or no longer matches the lock.
# A machine needs python3 (3.11 to 3.13) with venv, and make; nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
UV = $(BIN)/uv
UV_PIN = uv==0.13.9

# TORCH=cpu takes CPU wheels; .venv remembers the choice, TORCH=lock goes back to the lock
TORCH ?= $(or $(shell cat $(VENV)/.torch 2>/dev/null),lock)
READY = $(VENV)/.ready-$(TORCH)

# What make reproduce and make record pass on
BENCHMARK ?= aviary
SEMANTICS ?=
PROFILE ?= smoke
SEEDS ?= 5
DEVICE ?= auto
NOTEBOOKS ?=
PICTURES ?=
ARGS ?=
# make data takes FEATURES= too; DRY_RUN=1 says what either would do
FEATURES ?=
DRY_RUN ?=
RUN = --benchmark '$(BENCHMARK)' --semantics '$(SEMANTICS)' --profile '$(PROFILE)' \
	--seeds '$(SEEDS)' --device '$(DEVICE)'

# Notebooks are checked on the CPU, with the experiments that are there, and apart from any run
NBVAL = --nbval-lax --nbval-current-env --nbval-sanitize-with tests/nbval.cfg
CHECKED = ZSLNB_DEVICE=cpu ZSLNB_RUNS="$(CURDIR)/build/checked"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help reproduce own test test-slow lab pair lint aviary data record report benchmark lock clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; \
	do printf '  %-11s %s\n' "$$target" "$$what"; done

reproduce: $(READY) ## run the notebooks: BENCHMARK= SEMANTICS= PROFILE= SEEDS= DEVICE= NOTEBOOKS="10 14"
	@$(BIN)/python -m zslnb.notebook.reproduce $(RUN) $(if $(NOTEBOOKS),--notebooks $(NOTEBOOKS)) \
	$(if $(DRY_RUN),--dry-run) $(ARGS)

own: $(READY) ## make a benchmark of a folder of pictures by class: PICTURES= BENCHMARK=mine.npz
	@$(BIN)/python -m zslnb.encode.picture_benchmark '$(PICTURES)' '$(BENCHMARK)' --device '$(DEVICE)' $(ARGS)

test: $(READY) ## run the tests and check the executed notebooks (quicker after make reproduce)
	$(CHECKED) $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(NBVAL) \
	tests notebooks $(ARGS)

test-slow: $(READY) ## run the tests that take minutes each
	@$(CHECKED) $(BIN)/python -m pytest -m slow tests $(ARGS) || \
	{ status=$$?; test $$status -eq 5 && echo "There are no slow tests." || exit $$status; }

lab: $(READY) ## open JupyterLab on the notebooks, each paired with its .py source
	$(BIN)/python -m jupyter lab --notebook-dir=notebooks

pair: $(READY) ## execute the notebooks whose source changed (FORCE=1: all of them)
	@$(BIN)/python -m zslnb.notebook.pairing $(if $(FORCE),--force) $(NOTEBOOKS)

lint: $(READY) ## check the style of every source
	$(BIN)/python -m ruff check .

aviary: $(READY) ## draw the built-in benchmark and train its small CLIP again (over ten minutes)
	$(BIN)/python -m zslnb.encode.aviary_build $(ARGS)

data: $(READY) ## bring CUB, SUN, AWA2: BENCHMARK=cub|sun|awa2|all FEATURES=clip|resnet101 DRY_RUN=1
	@$(BIN)/python -m zslnb.encode.published_benchmark --benchmark '$(BENCHMARK)' --device '$(DEVICE)' \
	$(if $(FEATURES),--features '$(FEATURES)') $(if $(DRY_RUN),--dry-run) $(ARGS)

record: $(READY) ## promote a run's records to results/ (same variables as reproduce)
	@$(BIN)/python -m zslnb.notebook.reproduce $(RUN) --record

report: $(READY) ## write the README's tables and picture from results/, and docs/data.md's
	@$(BIN)/python -m zslnb.report

benchmark: $(READY) ## time what was built for speed against what it replaces
	@$(BIN)/python benchmarks/generators.py

lock: $(UV) ## pin the dependencies again (UPGRADE=1: to their newest versions)
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url $(if $(UPGRADE),--upgrade) \
	--extra dev -o requirements.lock pyproject.toml

clean: ## remove build/ (experiments included) and caches
	rm -rf build .pytest_cache .ruff_cache
	find zslnb tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune \
	-exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "zslnb needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV_PIN)

$(VENV)/.ready-lock: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.ready-* && echo lock > $(VENV)/.torch && touch $@

# CPU wheels carry other hashes than the lock, so these come from the ranges
$(VENV)/.ready-cpu: pyproject.toml | $(UV)
	$(UV) pip install --python $(BIN)/python --torch-backend cpu -e '.[dev]'
	@rm -f $(VENV)/.ready-* && echo cpu > $(VENV)/.torch && touch $@
