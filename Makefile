# make demo    hear and see it: .venv, install, the demo on a bundled recording of speech
# make test    .venv, install with the test tools, pytest
# make lint    ruff and mypy
# make bench   the measurements, and the README's tables written from them
# make clean   remove .venv and the demo's folder
#
# Needs Python >= 3.11, make and pip; no C compiler. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed-demo
	$(BIN)/fastspec demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-bench
	$(BIN)/python -m bench.run

clean:
	rm -rf $(VENV) fastspec-demo

EXTRAS_demo  := audio,plot,cli
EXTRAS_test  := test
EXTRAS_dev   := dev
EXTRAS_bench := bench

# One stamp a set of extras, so that a second run installs nothing; editable, so that .venv sees the source tree.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS_$*)]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "fastspec needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
