# `make demo` needs Python 3.11 or newer and nothing else, the rest is installed into .venv.
PYTHON ?= python3
# Options of pip that say where torch comes from, for one without CUDA: see README.md.
TORCH ?=
PIP = .venv/bin/python -m pip install --quiet --constraint constraints.txt

.PHONY: install demo check test lint images mlflow clean

install: .venv/demo.installed

demo: .venv/demo.installed
	.venv/bin/simpgan demo --out demo

# The tests that start no server, engine, browser or pipeline.
check: lint
	.venv/bin/python -m pytest --numprocesses 2 --dist loadgroup \
		-m 'not (browser or docker or local or postgresql or registry or servers or slow)'

test:
	$(PYTHON) tests/machine.py $(if $(WITHOUT),--without $(WITHOUT)) -- $(TESTS)

lint: .venv/test.installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

images: .venv/demo.installed
	.venv/bin/simpgan images build --base-image '$(BASE_IMAGE)' --slim-image '$(SLIM_IMAGE)'
ifdef REGISTRY
	.venv/bin/simpgan images push --registry '$(REGISTRY)'
	.venv/bin/simpgan images lock --registry '$(REGISTRY)'
endif

mlflow: .venv/demo.installed
	PATH="$(CURDIR)/.venv/bin:$$PATH" mlflow/start.sh

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("simpgan needs Python 3.11 or newer: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/demo.installed: .venv/bin/pip pyproject.toml constraints.txt
ifdef TORCH
	$(PIP) torch torchvision $(TORCH)
else
	@echo 'Installing into .venv: downloads 3.3 GB, of which 2.5 GB are for GPUs alone (README.md: without them), and'
	@echo 'takes 6.8 GB of the disk and some three minutes with a fast connection.'
endif
	$(PIP) --editable '.[all]'
	touch $@

.venv/test.installed: .venv/demo.installed
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf build demo .venv .mypy_cache .pytest_cache .ruff_cache
