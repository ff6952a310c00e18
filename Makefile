# make run    the whole platform with simulated outside parties, on http://127.0.0.1
# make test   everything that must hold: format, lint, types, import contracts, tests
# make test-long     what takes minutes: whole platforms with seeded plans, every crash point, full sizes
# make test-screens  every browser journey in both languages and widths; UPDATE_SCREENS=1 draws docs/screens/ anew
# make setup  only what `make run` needs: .venv, locked packages, files for the pages
# make docs   docs/states.md and docs/rights.md anew from the tables in the code
# make lock   compile the locks anew from pyproject.toml and package.json (needs uv and the registries)

PYTHON ?= python3
WORKERS ?= auto
BIN := .venv/bin
SOURCES := src tests tools examples $(wildcard bench)
COMPILE := UV_SYSTEM_CERTS=1 uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

# Compiled once, wherever the environment says not to: a start of the command takes a third of the time.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/bytecode

.PHONY: run test test-long test-screens check format docs setup setup-test lock clean

run: setup
	@exec $(BIN)/mingzhang demo

setup:
	@PYTHON="$(PYTHON)" tools/setup.sh run

setup-test:
	@PYTHON="$(PYTHON)" tools/setup.sh test

test: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-long: setup-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "long and not browser"

check: setup-test
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

test-screens: setup-test
	REQUIRE_BROWSER=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m browser

format: setup-test
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: setup
	$(BIN)/python tools/describe_states.py --write
	$(BIN)/python tools/describe_oversight.py --write
	$(BIN)/python tools/describe_rights.py --write

# Without --upgrade only what pyproject.toml asks for changes: make lock UPGRADE=--upgrade
lock:
	$(COMPILE) $(UPGRADE) --group build -o tools/build.lock
	$(COMPILE) $(UPGRADE) pyproject.toml -c tools/build.lock -o requirements.lock
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev -c tools/build.lock -c requirements.lock -o requirements-dev.lock
	NODE_USE_SYSTEM_CA=1 npm install --package-lock-only
	$(BIN)/python tools/build_assets.py --pin

clean:
	rm -rf .build .venv .uv src/mingzhang/web/static/vendor .mypy_cache .pytest_cache .ruff_cache
