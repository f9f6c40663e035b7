# Every target makes .venv first if it is not there or no longer matches the lock.
# A machine needs python3 (3.11 to 3.13) with venv, and make; nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
UV = $(BIN)/uv

# TORCH=cpu takes CPU wheels; .venv remembers the choice, TORCH=lock goes back to the lock
TORCH ?= $(or $(shell cat $(VENV)/.torch 2>/dev/null),lock)
READY = $(VENV)/.ready-$(TORCH)

# What make reproduce and make record hand on
BENCHMARK ?= aviary
SEMANTICS ?=
PROFILE ?= smoke
SEEDS ?= 5
DEVICE ?= auto
NOTEBOOKS ?=
PICTURES ?=
JOBS ?=
SCHEDULER ?=
ARGS ?=
# make data takes FEATURES= too; DRY_RUN=1 says what either would do
FEATURES ?=
DRY_RUN ?=
SITE ?= build/site
# for the shell, whatever quotes or spaces it holds
quoted = '$(subst ','\'',$(1))'
ZSLNB = $(BIN)/python -m zslnb
RUN = --benchmark $(call quoted,$(BENCHMARK)) --semantics $(call quoted,$(SEMANTICS)) \
	--profile $(call quoted,$(PROFILE))
HOW = --device $(call quoted,$(DEVICE)) $(if $(DRY_RUN),--dry-run) $(ARGS)

# Notebooks are checked on the CPU, with the experiments that are there, and apart from any run; one
# thread each, since two are checked at once, and threads that wait for a core cost many times more
NBVAL = --nbval-lax --nbval-current-env --nbval-sanitize-with tests/nbval.cfg
CHECKED = ZSLNB_DEVICE=cpu OMP_NUM_THREADS=1 ZSLNB_RUNS="$(CURDIR)/build/checked"
# A worker takes a page or file at a time, in the order given: pages take longest, so they come first
IN_ORDER = --dist loadfile --no-loadscope-reorder

# Else, wherever Python is told to write no bytecode, as in many containers, each process compiles
# all that it imports: more than half of the time that `import torch` takes. A few packages hold
# files that are no Python of this version, hence the `true`.
COMPILE = @$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help reproduce pictures test test-slow lab pair exercises lint aviary data record report \
	site slides benchmark lock clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; \
	do printf '  %-11s %s\n' "$$target" "$$what"; done

reproduce: $(READY) ## run the notebooks: BENCHMARK= SEMANTICS= PROFILE= SEEDS= DEVICE= NOTEBOOKS="10 14" JOBS= FORCE=1
	@$(ZSLNB) reproduce $(RUN) --seeds $(call quoted,$(SEEDS)) $(if $(JOBS),--jobs $(call quoted,$(JOBS))) \
	$(if $(FORCE),--force) $(if $(SCHEDULER),--scheduler $(call quoted,$(SCHEDULER))) \
	$(if $(NOTEBOOKS),--notebooks $(NOTEBOOKS)) $(HOW)

pictures: $(READY) ## make a benchmark of a folder of pictures by class: PICTURES= BENCHMARK=mine.npz
	@$(ZSLNB) pictures $(call quoted,$(PICTURES)) $(call quoted,$(BENCHMARK)) $(HOW)

test: $(READY) ## run the tests and check the executed notebooks (quicker after make reproduce)
	$(CHECKED) $(BIN)/python -m pytest -n 2 $(IN_ORDER) -m "not slow" $(NBVAL) \
	notebooks tests $(ARGS)

test-slow: $(READY) ## run the tests that take minutes each
	$(CHECKED) $(BIN)/python -m pytest -n 2 $(IN_ORDER) -m slow tests $(ARGS)

lab: $(READY) ## open JupyterLab on the notebooks, each paired with its .py source
	JUPYTER_PREFER_ENV_PATH=1 $(BIN)/python -m jupyter lab --notebook-dir=notebooks

pair: $(READY) ## execute the notebooks whose source changed (FORCE=1: all of them)
	@$(ZSLNB) pair $(NOTEBOOKS) $(if $(FORCE),--force)

exercises: $(READY) ## write the notebooks for students, with blanks, and for instructors
	@$(ZSLNB) exercises $(NOTEBOOKS)

lint: $(READY) ## check the style of every source
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

aviary: $(READY) ## draw the built-in benchmark and train its small CLIP again (over ten minutes)
	@$(ZSLNB) aviary $(ARGS)

data: $(READY) ## bring CUB, SUN, AWA2: BENCHMARK=cub|sun|awa2|all FEATURES=clip|resnet101 DRY_RUN=1
	@$(ZSLNB) data $(call quoted,$(BENCHMARK)) \
	$(if $(FEATURES),--features $(call quoted,$(FEATURES))) $(HOW)

record: $(READY) ## promote a run's records to results/ (same variables as reproduce)
	@$(ZSLNB) record $(RUN)

report: $(READY) ## write what README.md and docs/ say of results/, and the picture of birds
	@$(ZSLNB) report

site: $(READY) ## build the pages and guides as a web site: SITE=build/site
	@rm -rf $(call quoted,$(SITE))
	@$(BIN)/python -m sphinx -q -E -n -W --keep-going -c docs -d $(call quoted,$(SITE).doctrees) \
	. $(call quoted,$(SITE))
	@echo $(call quoted,Open $(SITE)/index.html)

slides: $(READY) ## make slides of every page, shown offline by reveal.js, in build/slides
	@$(BIN)/python docs/slides/make.py

benchmark: $(READY) ## time every hot path against its plain form and the machine: DEVICE=
	@$(BIN)/python benchmarks/run.py --device $(call quoted,$(DEVICE)) $(ARGS)

lock: $(UV) ## pin the dependencies again (UPGRADE=1: to their newest versions)
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url $(if $(UPGRADE),--upgrade) \
	--extra dev --extra site -o requirements.lock pyproject.toml

clean: ## remove build/ (experiments included) and caches
	rm -rf build .pytest_cache .ruff_cache
	find zslnb tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune \
	-exec rm -rf {} +

$(UV):
	@$(PYTHON) .ci/system.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	-r requirements-uv.lock

$(VENV)/.ready-lock: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(COMPILE)
	@rm -f $(VENV)/.ready-* && echo lock > $(VENV)/.torch && touch $@

# CPU wheels carry other hashes than the lock, so these come from the ranges
$(VENV)/.ready-cpu: pyproject.toml | $(UV)
	$(UV) pip install --python $(BIN)/python --torch-backend cpu -e '.[dev,site]'
	$(COMPILE)
	@rm -f $(VENV)/.ready-* && echo cpu > $(VENV)/.torch && touch $@
