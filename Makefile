# Every target sets up what it needs in .venv and touches nothing outside this directory,
# except test-peers, which (as root) installs Debian packages. PYTHON=... chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/.tools
READY := $(VENV)/.ready
SOURCES := $(wildcard src/tosqauyl/*.py src/tosqauyl/*/*.py src/tosqauyl/*/*/*.py src/tosqauyl/*/data/* src/tosqauyl/*/templates/* src/tosqauyl/locale/*/*/*)
NIGHTLY_READY := $(VENV)/.ready-nightly
SPARK_READY := $(VENV)/.ready-spark
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3)
LISTEN ?= udp:127.0.0.1:5060
FUZZ_SECONDS ?= 600
PEER_PACKAGES := sip-tester kamailio kamailio-tls-modules openssl gcc libc6-dev redis-server tshark freeradius-utils openjdk-17-jre-headless postgresql nodejs chromium fonts-dejavu-core curl jq

.DEFAULT_GOAL := help
CALL_PATH_TESTS := tests/gate tests/numbers tests/screen tests/sip tests/state tests/networks
.PHONY: help setup demo run test test-compiled lint types check test-peers nightly bench reference docs screenshots clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/\1\t\2/p' Makefile | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

setup: $(READY)  ## make .venv with the pinned requirements (the other targets do it by themselves)

demo: $(READY)  ## a minute of mixed traffic through a real gate, shown live, then the report
	@$(BIN)/tosqauyl demo

run: $(READY)  ## serve on udp:127.0.0.1:5060 in monitor mode, data in ./var, until stopped
	@mkdir -p var
	@echo "Gate on $(LISTEN), monitor mode, data in ./var. Stop with Ctrl-C."
	@exec $(BIN)/tosqauyl serve --listen $(LISTEN) --data var

test: $(READY)  ## the tests that need no other program
	$(BIN)/pytest -n auto --ignore=tests/peers -m 'not peers'

test-compiled: $(READY)  ## the tests of the rooms on the call path once more, on the installed (compiled) modules
	TOSQAUYL_INSTALLED=1 HYPOTHESIS_PROFILE=again $(BIN)/pytest -n auto $(CALL_PATH_TESTS)

lint: $(READY)  ## ruff: rules and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

check: lint types test  ## lint, types and test

test-peers: $(READY) $(SPARK_READY)  ## as root: install SIPp, Kamailio, Redis, PostgreSQL, tshark, Node, Chromium and more from Debian, run the tests against them, skip none
	@dpkg -s $(PEER_PACKAGES) >/dev/null 2>&1 || { \
	    test "$$(id -u)" = 0 || { echo "make test-peers: run as root, it installs: $(PEER_PACKAGES)" >&2; exit 1; }; \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(PEER_PACKAGES); }
	TOSQAUYL_REQUIRE_PEERS=1 $(BIN)/pytest -n auto tests/registry -m peers
	TOSQAUYL_REQUIRE_PEERS=1 $(BIN)/pytest -n auto tests/web -m peers -k 'not postgresql'
	TOSQAUYL_REQUIRE_PEERS=1 $(BIN)/pytest -n auto tests/peers -m 'peers and together'
	TOSQAUYL_REQUIRE_PEERS=1 $(BIN)/pytest tests/peers -m 'peers and not together'

nightly: $(NIGHTLY_READY)  ## what is too long for check: fuzzing (FUZZ_SECONDS each), soak and crash runs, benchmark
	@mkdir -p var/fuzz
	@set -e; for target in fuzz/[a-z]*.py; do \
	    echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
	    PYTHONPATH=src $(BIN)/python "$$target" -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=var/fuzz/; \
	done
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n auto --ignore=tests/peers -m 'not peers'
	$(BIN)/pytest -m nightly
	TOSQAUYL_REQUIRE_PEERS=1 $(BIN)/pytest -n auto tests/web -m peers -k postgresql
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/soak.py
	$(BIN)/python bench/soak.py --subscribers 25000000
	$(BIN)/python bench/overload.py
	$(BIN)/python bench/reload.py --anywhere
	$(BIN)/python bench/networks.py
	$(BIN)/python bench/networks.py --down
	$(BIN)/python bench/origination.py
	$(BIN)/python bench/gate.py
	$(BIN)/python bench/ledger.py
	$(BIN)/python bench/ledger.py --kills 50
	$(BIN)/python bench/backtest.py --check 1_000_000
	$(BIN)/python bench/publish.py
	$(BIN)/python bench/office.py
	$(BIN)/python bench/pages.py
	$(BIN)/python bench/live.py

bench: $(READY)  ## the benchmark, with a table of where each microsecond goes
	$(BIN)/python bench/gate.py

reference: $(READY)  ## write docs/reference and the executed examples anew
	$(BIN)/python scripts/make_reference.py

docs: $(READY)  ## write the documentation as a site into ./site; a link that leads nowhere ends it
	$(BIN)/python scripts/make_site.py

screenshots: $(READY)  ## write docs/screens and their index anew; needs chromium and fonts-dejavu-core (make test-peers installs them)
	$(BIN)/python scripts/screenshots.py

clean:  ## remove .venv and caches; ./var stays, it may hold a journal
	rm -rf $(VENV) build dist site .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests scripts -name __pycache__ -prune -exec rm -rf {} +

$(TOOLS): requirements/dev.txt
	@set -eu; found=''; best=''; bare=''; \
	for candidate in $(PYTHONS); do \
	    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	    if ! speed=$$("$$candidate" scripts/rate_python.py 2>/dev/null); then bare=$$candidate; continue; fi; \
	    if [ -z "$$best" ] || [ "$$speed" -lt "$$best" ]; then found=$$candidate; best=$$speed; fi; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	    echo "$$bare cannot make a virtual environment: its ensurepip is missing." >&2; \
	    echo "On Debian or Ubuntu, as root: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	if [ -z "$$found" ]; then \
	    echo "Tosqauyl needs Python 3.11 or newer and found none (tried: $(PYTHONS))." >&2; \
	    echo "Install one, or name one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$found (once; one to two minutes) ..."; \
	"$$found" -m venv --clear $(VENV)
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# The package itself, its call path compiled where there is a C compiler (setup.py). Tests of single rooms run from src/.
$(READY): $(TOOLS) pyproject.toml setup.py $(SOURCES)
	@$(PIP) --no-build-isolation --no-deps --force-reinstall .
	@$(BIN)/tosqauyl --version
	@touch $@

# Half a gigabyte that only the test of the second engine needs.
$(SPARK_READY): $(TOOLS) requirements/spark.txt
	@$(PIP) --require-hashes -r requirements/spark.txt
	@touch $@

$(NIGHTLY_READY): $(READY) requirements/nightly.txt
	@$(PIP) --require-hashes -r requirements/nightly.txt
	@touch $@
