# Everything here needs Python 3.11 or newer and make, and nothing else: the first call makes .venv, later calls reuse it.
#   make demo   lint a really trained network
#   make test   run all tests, on real networks too
#   make lint   style, types and architecture
#   make docs   write the generated pages below docs/
#   make fuzz   fuzz for an hour (FUZZ_SECONDS=...)

VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

# Some systems have a python3.11 that cannot make an environment, so each candidate is asked. PYTHON=... overrides.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test lint models docs fuzz clean
.DELETE_ON_ERROR:

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with the venv module found; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps say what is installed; the package itself is installed in place, so only new requirements outdate them.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

# Findings (exit status 1) are what a linter is for; anything above is a failure.
demo: $(VENV)/.installed
	@$(BIN)/qlint check fixtures/digits.onnx; status=$$?; \
	test $$status -le 1 || { echo "make demo: qlint ended with exit status $$status" >&2; exit $$status; }

# Tests take real networks from QLINT_MODELS. It is set only when the collection is complete.
test: $(VENV)/.installed-test
	@if [ -z "$${QLINT_MODELS:-}" ]; then \
		if $(BIN)/python tools/get_models.py .models; then QLINT_MODELS="$(CURDIR)/.models"; export QLINT_MODELS; \
		else echo "make test: real models could not be fetched; the tests that need them are skipped" >&2; fi; \
	fi; \
	$(BIN)/python -m pytest $(PYTEST_ARGS)

models: $(VENV)/.installed-test
	$(BIN)/python tools/get_models.py .models

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_docs.py --check

docs: $(VENV)/.installed-test
	$(BIN)/python tools/generate_docs.py

# atheris is not among the test requirements: it is large, and has no wheel for every Python.
FUZZ_SECONDS ?= 3600
fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=2.3'
	$(BIN)/python -m fuzz.campaign $(FUZZ_SECONDS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
