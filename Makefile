# `make demo` needs Python 3.11 or newer and nothing else, the rest is installed into .venv; what `make test` needs is in README.md.
PYTHON ?= python3

.PHONY: demo test lint images mlflow clean

demo: .venv/demo.installed
	.venv/bin/simpgan demo --out demo

test: .venv/test.installed lint
	.venv/bin/python -m pytest --numprocesses 2 --dist loadgroup $(if $(WITHOUT),-m 'not $(WITHOUT)')

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

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("simpgan needs Python 3.11 or newer: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/demo.installed: .venv/bin/python pyproject.toml constraints.txt
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[all]'
	touch $@

.venv/test.installed: .venv/demo.installed
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf build demo .venv .mypy_cache .pytest_cache .ruff_cache
