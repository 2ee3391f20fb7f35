# make demo         hear and see it: .venv, install, the demo on a bundled recording of speech
# make test         .venv, install with the test tools, pytest
# make test-others  the tests that may depend on Python, on those of 3.12 and 3.13 that are installed: .venv-3.12 ...
# make test-lowest  the same, on the lowest Python and the lowest versions of the dependencies that pyproject.toml allows
# make test-faces   tests/faces: with libraries that fastspec.patch speeds up, in .venv-faces-numpy and two more
# make fuzz         new random cases for SECONDS=600; `make test` draws the same ones every time
# make stress       what is long in the tests, for about an hour and a half, tests/engine on four threads; SEED=... draws again
# make lint         ruff and mypy
# make package      dist/: sdist and wheel, each installed and tried in an environment of its own
# make bench        the measurements, and the README's tables written from them
# make clean        remove the environments, dist/ and the demo's folder
# make help         these lines
#
# Needs Python >= 3.11, make and pip; no C compiler. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
OTHERS ?= 3.12 3.13
SECONDS ?= 600
MARKS  ?= portable
ifndef SEED
SEED   := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
LONG   := tests/stress tests/kernels/test_memory_bounds.py tests/kernels/test_cpu_levels.py
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-faces test-faces-numpy test-faces-torch test-faces-torchaudio test-others test-lowest test-portable fuzz stress lint package bench clean help

demo: $(VENV)/.installed-demo
	$(BIN)/fastspec demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

test-others: $(OTHERS:%=test-on-%)

test-on-%:
	@python=$$(.ci/python $*); \
	if [ -z "$$python" ]; then echo "Python $*: not installed, not tested"; \
	else $(MAKE) --no-print-directory PYTHON="$$python" VENV=.venv-$* test-portable; fi

test-lowest:
	@python=$$(.ci/python 3.11); \
	$(MAKE) --no-print-directory PYTHON="$${python:-$(PYTHON)}" VENV=.venv-lowest WITH="$$(.ci/lowest)" MARKS="portable or lowest" test-portable

test-portable: $(VENV)/.installed-test
	@$(BIN)/python -c 'import sys, numpy, scipy, numba; \
	print("Python", *sys.version.split()[:1], *(f"{m.__name__} {m.__version__}" for m in (numpy, scipy, numba)))'
	$(BIN)/python -m pytest -m "$(MARKS)"

test-faces: test-faces-numpy test-faces-torch test-faces-torchaudio

# torch and torchaudio of different versions break transformers: torchaudio has an environment of its own
test-faces-numpy:
	@$(MAKE) --no-print-directory VENV=.venv-faces-numpy .venv-faces-numpy/.installed-faces-numpy
	.venv-faces-numpy/bin/python -m pytest tests/faces/without_torch

# openai-whisper asks for triton, whisperx for much of what no test needs
test-faces-torch:
	@$(MAKE) --no-print-directory VENV=.venv-faces-torch .venv-faces-torch/.installed-faces-torch
	@.venv-faces-torch/bin/python -m pip install --quiet --disable-pip-version-check --no-deps openai-whisper whisperx
	.venv-faces-torch/bin/python -m pytest tests/faces/with_torch

# only its Python is used, by a stand-in for its compiled part: see bench/peers.py
test-faces-torchaudio:
	@$(MAKE) --no-print-directory VENV=.venv-faces-torchaudio .venv-faces-torchaudio/.installed-faces-torchaudio
	@.venv-faces-torchaudio/bin/python -m pip install --quiet --disable-pip-version-check --no-deps torchaudio==2.11.0
	.venv-faces-torchaudio/bin/python -m pytest tests/faces/with_torchaudio

fuzz: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz.py $(SECONDS)

stress: $(VENV)/.installed-stress
	$(BIN)/python -m pytest $(LONG) --long --stress-seed=$(SEED) --hypothesis-seed=$(SEED)
	$(BIN)/python -m pytest tests/engine tests/stress --parallel-threads=4

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: $(VENV)/.installed-dev
	.ci/package $(BIN)/python

bench: $(VENV)/.installed-bench
	$(BIN)/python -m bench.run

clean:
	rm -rf $(VENV) .venv-* dist fastspec-demo

help:
	@sed -n 's/^# \(make .*\)/\1/p' $(MAKEFILE_LIST)

EXTRAS_demo  := audio,plot,cli
EXTRAS_test  := test
EXTRAS_dev   := dev
EXTRAS_stress := stress
EXTRAS_bench := bench
EXTRAS_faces-numpy := faces-numpy
EXTRAS_faces-torch := faces-torch
EXTRAS_faces-torchaudio := faces-torchaudio

# One stamp a set of extras, so that a second run installs nothing; editable, so that .venv sees the source tree.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS_$*)]' $(WITH)
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "fastspec needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
