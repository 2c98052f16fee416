# `make help` lists what can be done. Everything runs in a virtual environment made on first use
# from nothing but Python; it is brought up to date when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
N ?= 2000
TESTS ?= tests
BENCH ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
BENCH_PIP := $(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check bench fuzz golden docs clean

help:  ## list what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed  ## train a digit classifier on real MNIST digits
	$(BIN)/python examples/mnist.py

test: $(VENV)/.installed-dev  ## run the tests on all cores: make test TESTS=tests/ir PYTEST_ADDOPTS=-x
	PYTEST_ADDOPTS="-n auto --dist worksteal $$PYTEST_ADDOPTS" $(BIN)/python -m pytest $(TESTS)

check: $(VENV)/.installed-dev  ## lint, formatting, types, walls between the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(BENCH_VENV)/.installed  ## measure speed beside other libraries: make bench BENCH="--only matmul"
	$(BENCH_VENV)/bin/python -m graphc bench \
	  --against numpy,torch,jax,tensorflow,pytensor,onnxruntime $(BENCH)

fuzz: $(VENV)/.installed-dev  ## compare targets on N random graphs: make fuzz N=2000
	$(BIN)/python -m tests.fuzz --count $(N)

golden: $(VENV)/.installed-dev  ## rewrite the golden files under tests/golden; read the diff
	PYTEST_ADDOPTS="-n auto --dist worksteal $$PYTEST_ADDOPTS" $(BIN)/python -m pytest --update-golden $(TESTS)

docs: $(VENV)/.installed  ## write docs/ops.md, the reference of all ops
	@mkdir -p docs
	$(BIN)/python -m graphc.cli ops --markdown > docs/.ops.md.new
	@mv docs/.ops.md.new docs/ops.md

clean:  ## delete the virtual environment, caches and build products
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info .coverage .coverage.* htmlcov docs/.ops.md.new
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find graphc ir codegen tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created $(BENCH_VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "graphc needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "Name a newer one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	$(PYTHON) -m venv --clear $(@D)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(PIP) install --quiet --editable .
	@touch $@

# Holds all that .installed promises, so that `demo` after `test` has nothing to do.
$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml
	$(PIP) install --quiet --editable '.[dev]'
	@touch $(VENV)/.installed $@

# Peers are large and not to be had for every Python: where they do not install together, each is
# tried alone beside graphc, and what fails is left out.
LIST_PEERS := import tomllib; \
  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"])
$(BENCH_VENV)/.installed: $(BENCH_VENV)/.created pyproject.toml
	$(BENCH_PIP) install --quiet --editable .
	@$(BENCH_PIP) install --quiet --editable '.[peers]' || \
	for peer in $$($(BENCH_VENV)/bin/python -c '$(LIST_PEERS)'); do \
	  $(BENCH_PIP) install --quiet --editable . "$$peer" || echo "left out: $$peer" >&2; \
	done
	@$(BENCH_PIP) install --quiet matplotlib || echo "left out: matplotlib, for --plot" >&2
	@touch $@
