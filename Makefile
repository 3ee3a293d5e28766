# Every target sets up what it needs by itself; only Python 3.11 and make are assumed.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := airra incidents analysis remediation lab tests benchmarks tools manage.py
export AIRRA_VAR_DIR ?= $(CURDIR)/var
FLOW := tests/e2e/test_incident_flow.py
E2E = $(BIN)/python -m pytest -q -m "e2e$(if $(LOOKS),, and not slow)"

.PHONY: demo run test test-servers check types lint fix e2e e2e-flow e2e-pages machine faults outcomes model-check properties fuzz bench bench-ingest bench-storm lock vendor setup clean

setup: $(READY)

$(READY): requirements-dev.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements-dev.lock)"
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements-dev.lock
	touch $@

demo: $(READY)  ## the whole loop on this machine: a shop, AIRRA beside it, faults to inject
	$(BIN)/python -m tools.demo

run: $(READY)  ## AIRRA alone, embedded: web, worker and beat in one process
	$(BIN)/python -m tools.run

test: $(READY)  ## everything that needs no browser and no server
	$(BIN)/python -m pytest -q -m "not e2e and not live and not slow" -n 2 --dist loadgroup

test-servers: $(READY)  ## the same suite on PostgreSQL + Redis, and what needs real servers
	tools/test-servers.sh $(HALF)

check: $(READY)  ## what CI and pre-commit run
	$(MAKE) --no-print-directory --jobs 2 --output-sync types lint

types: $(READY)
	$(BIN)/mypy $(SOURCES)

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check --lint templates
	AIRRA_SECRET_KEY=check $(BIN)/python manage.py makemigrations --check --dry-run  # and what `check` checks

fix: $(READY)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	-$(BIN)/djlint --quiet --reformat templates

machine: $(READY)  ## two workers on PostgreSQL, killed around the effect, under Hypothesis
	tools/test-servers.sh machine

e2e: $(READY)  ## browser journeys in the system's Chromium; LOOKS=all for every theme at every size
	tools/chromium.sh
	$(E2E) -n 2 --dist loadfile --no-loadscope-reorder $(FLOW) tests/e2e  # the longest, which waits, first

e2e-flow: $(READY)  ## the journey that waits for a shop to fall ill and be well again
	tools/chromium.sh
	$(E2E) $(FLOW)

e2e-pages: $(READY)  ## all the others
	tools/chromium.sh
	$(E2E) -n 2 --dist loadfile --ignore=$(FLOW) tests/e2e

faults: $(READY)  ## the table of docs/faults.md: every fault of the lab, from injection to verified fix
	$(BIN)/python -m tools.faults

outcomes: $(READY)  ## every way a fix can end, on a running shop: the table of docs/explain/verification.md
	$(BIN)/python -m tools.outcomes

model-check: $(READY)  ## every interleaving of the execution protocol, and the seeded defects it must find
	$(BIN)/python -m tools.model_check

properties: $(READY)  ## every property of the pure engines with thirty times the examples, drawn anew
	$(BIN)/python -m pytest -q -n 2 --hypothesis-profile=many -m "not e2e and not live and not slow" tests/unit

fuzz: $(READY)  ## a hundred thousand spoilt deliveries, read by every format; SEED for others
	$(BIN)/python -m tools.fuzz_intake --seed $(or $(SEED),1)
	$(BIN)/python -m tools.fuzz_receivers --seed $(or $(SEED),1)

bench: $(READY)
	tools/debian.sh prometheus=prometheus
	$(BIN)/python -m benchmarks.scan
	$(BIN)/python -m benchmarks.pages

bench-storm: $(READY)  ## a thousand alerts over thirty services with labelled truth, grouped
	$(BIN)/python -m benchmarks.storm --end-to-end

bench-ingest: $(READY)  ## alerts a second beside a bare insert and Alertmanager; then killed with -9 midway
	tools/debian.sh /usr/lib/postgresql=postgresql redis-server=redis-server prometheus-alertmanager=prometheus-alertmanager
	$(BIN)/python -m benchmarks.ingest

lock:
	test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv)
	$(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --quiet -o requirements-dev.lock

vendor: $(READY)  ## fetch htmx, uPlot and icons into static/, with hashes
	$(BIN)/python -m tools.vendor

clean:
	rm -rf $(VENV) var build
