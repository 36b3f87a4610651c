# make demo    everything from nothing: install, fetch, train, tag the examples
# make test    install what the tests need and run them
# make check   ruff, mypy, import layers
# make model   train models/sectors as it is shipped (needs both corpora)
# make bench-quality  that, and everything that was tried, and the public sets
# make readme  renew the output that README.md shows
# make quality measure the figures in README.md and docs/quality.md

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ALLSIDES ?=

.PHONY: demo test check model quality bench-quality readme clean

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

.venv/.installed-tests: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[test]'
	touch $@

.venv/.installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/.installed
	$(BIN)/classifier corpus fetch news_articles
	$(BIN)/classifier train news_articles --auxiliary data/house --out .cache/demo --jobs 2
	$(BIN)/classifier predict data/examples --model .cache/demo --terms --format table

test: .venv/.installed-tests
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

model: .venv/.installed
	$(BIN)/classifier corpus fetch news_articles
	$(BIN)/classifier corpus fetch allsides $(if $(ALLSIDES),--from $(ALLSIDES))
	$(BIN)/classifier train news_articles --auxiliary allsides --auxiliary data/house --out models/sectors --jobs 2

quality: .venv/.installed-dev
	$(BIN)/classifier corpus fetch news_articles
	$(BIN)/classifier corpus fetch allsides $(if $(ALLSIDES),--from $(ALLSIDES))
	$(BIN)/python -m bench.quality

bench-quality: quality
	$(BIN)/python -m bench.public_sets
	$(BIN)/python -m bench.many_labels
	$(BIN)/python -m bench.variants
	$(BIN)/python -m bench.plots

readme: .venv/.installed
	$(BIN)/python -m bench.readme

clean:
	rm -rf .venv .cache build *.egg-info
