# make demo    everything from nothing: install, fetch, train, tag the examples
# make test    install what the tests need and run them
# make check   ruff, mypy, import layers
# make model   train models/sectors as it is shipped (fetches all corpora)
# make bench-quality  that, and everything that was tried, and the public sets
# make bench   speed beside the peers, which it installs in environments of their own
# make kernel  compile the kernel in place, after a change of it
# make sanitize  its tests under the address and undefined-behaviour sanitizers (gcc)
# make readme  renew the output that README.md shows
# make quality measure the figures in README.md and docs/quality.md; installs a sentence encoder apart
# make size    lines of code, and the files that a trip through the package takes
# make notebooks  run the notebooks and keep their output

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Clones that are already there: one of allsides, and a folder of those of world.
ALLSIDES ?=
WORLD ?=

.PHONY: demo test check corpora model quality size bench bench-quality readme kernel sanitize notebooks clean

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
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term --cov-fail-under=95

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --doctest-modules classifier

corpora: .venv/.installed
	$(BIN)/classifier corpus fetch news_articles
	$(BIN)/classifier corpus fetch allsides $(if $(ALLSIDES),--from $(ALLSIDES))
	$(BIN)/classifier corpus fetch world $(if $(WORLD),--from $(WORLD))

# World but gafam_cpi, without which other sources are tagged better (docs/variants.md).
SOURCES = ww_newswire kremlin_news putin_zelenskyy sea_media intl_news felix bulwark wikinews \
	wh_briefings trove_covid

model: corpora
	$(BIN)/classifier train news_articles allsides $(SOURCES) --auxiliary data/house --out models/sectors --jobs 2
	$(BIN)/python -m bench.quality --pages

quality: .venv/.installed-dev corpora
	$(BIN)/python -m bench.quality

bench-quality: quality
	$(BIN)/python -m bench.public_sets
	$(BIN)/python -m bench.variants
	$(BIN)/python -m bench.variants --curve
	$(BIN)/python -m bench.plots

bench: .venv/.installed-dev
	$(BIN)/classifier corpus fetch news_articles
	$(BIN)/python -m bench.speed

kernel: .venv/.installed-dev
	$(BIN)/python setup.py --quiet build_ext --inplace --force

# Apart from the package in use: a sanitized module loads only where the sanitizer is loaded first.
# Python itself never frees all of its memory, so leaks are looked for elsewhere.
sanitize: .venv/.installed-dev
	mkdir -p build/sanitized
	tar -cf - --exclude=__pycache__ classifier models tests data setup.py pyproject.toml | tar -xf - -C build/sanitized
	find build/sanitized/classifier -name '_*.c' -delete -o -name '_*.so' -delete
	cd build/sanitized && CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -g -O1" \
		$(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace
	cd build/sanitized && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
		$(CURDIR)/$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_kernel.py tests/test_text.py tests/test_scan.py tests/test_model.py tests/test_solver.py tests/test_features.py tests/test_near_duplicates.py

size: .venv/.installed-tests
	$(BIN)/python -m bench.size

readme: .venv/.installed
	$(BIN)/python -m bench.readme

notebooks: .venv/.installed-tests
	$(BIN)/python -m bench.notebooks

clean:
	rm -rf .venv .cache build *.egg-info
