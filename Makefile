# Everything a user or CI runs. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
# Where the environment forbids bytecode, each of the hundreds of processes of the tests would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE
STAMP := .venv/.installed

.PHONY: install demo test test-fast test-system coverage mutants test-kills bench bench-week soak check format hooks docs docs-serve pictures sessions lock sbom audit clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 install") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv: a minute or two; a dot is four seconds."
	@(while sleep 4 && kill -0 $$$$ 2>/dev/null; do printf .; done) & \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# PORT=3002 opens the UI there; where it is taken, the next free one is used.
demo: install
	@echo "Starting the demo: it fills an embedded database, then opens Dagster and the board."
	$(BIN)/tradematrix demo $(if $(PORT),--port $(PORT))

# Most tests wait for processes and databases: four at once keep two cores busy. What a module makes, one worker makes.
test: install
	$(BIN)/pytest -n 4 -m 'not kills and not system'

# Whole installations, browsers and servers, as processes of their own, and what the documentation shows: in the order of
# scheduling.py, which begins with those that wait longest.
test-system: install
	$(BIN)/pytest -n 4 --no-loadscope-reorder -m 'system and not kills'

# The inner loop, a minute: neither Postgres nor processes of its own, nor what takes seconds. A folder that does not exist
# is left out.
FAST := $(wildcard $(addprefix tradematrix_pipelines_tests/,markets candles quality levels automation alerts vendors ingest))

test-fast: install
	$(BIN)/pytest -q -n 2 -m 'not kills and not postgres and not slow' $(FAST)

# The tests once more, with the branches that they take counted.
coverage: install
	$(BIN)/pytest -n 4 -m 'not kills' --cov --cov-report=term --cov-report=json

# An hour or two: one small fault after the other in markets, candles, levels and credits, which the tests have to notice.
mutants: install
	rm -rf mutants
	PYTHONPATH=. $(BIN)/python benchmarks/mutants.py

# Most of an hour: kill -9 of the run worker, the code server, the daemon, the webserver, Postgres and the command.
test-kills: install
	$(BIN)/pytest -m kills tradematrix_pipelines_tests/resilience tradematrix_pipelines_tests/deploy

# Half an hour: every benchmark, one table; what it measured goes into docs/figures. QUICK=1 tries each at a small size,
# in a few minutes; ONLY="storage reader" runs these. ONLY=load, most of an hour, runs only so.
bench: install
	$(BIN)/python benchmarks/table.py $(if $(QUICK),--quick,--output docs/figures/bench.json) $(if $(ONLY),--only $(ONLY))

# An hour on two cores: whole trading weeks, minute by minute.
bench-week: install
	PYTHONPATH=. $(BIN)/python benchmarks/week.py

# Eight simulated hours in 24 minutes: memory, open files and connections must not grow, databases and files not faster.
soak: install
	PYTHONPATH=. $(BIN)/python benchmarks/soak.py

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check
	$(BIN)/zensical build --strict --clean
	TRADEMATRIX_HOME=$$(mktemp -d) $(BIN)/dg check defs
	TRADEMATRIX_HOME=$$(mktemp -d) $(BIN)/dagster definitions validate -w workspace.yaml

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# git then runs the checks before each commit, and the fast tests before each push.
hooks: install
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

# What is made from the code (the reference, the table of thresholds, .env.example), then the site, in site/.
docs: install
	$(BIN)/python -m docs.generate
	$(BIN)/zensical build --strict --clean

# The site on http://127.0.0.1:8000, made anew when a page changes.
docs-serve: install
	$(BIN)/zensical serve

# The pictures of the documentation, some minutes: a demo of its own, looked at with the machine's Chromium.
pictures: install
	$(BIN)/python docs/pictures.py

# The sessions of much-used exchanges, as the installed exchange_calendars has them: after each new version of it.
sessions: install
	$(BIN)/python -m tradematrix_pipelines.markets.exchanges

# Versions and hashes only: whoever installs chooses the package index. The image has the extras, and no tools of ours.
lock:
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --upgrade --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --group build --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --quiet -c requirements.lock -o deploy/requirements.lock

# What the image is made of, for whoever has to list it; and whether something in it has a known fault (asks the network).
sbom: install
	$(BIN)/cyclonedx-py requirements deploy/requirements.lock --pyproject pyproject.toml --output-reproducible -o sbom.json

audit: install
	$(BIN)/pip-audit --requirement deploy/requirements.lock --require-hashes --disable-pip

clean:
	rm -rf .venv .tradematrix dist site sbom.json .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* coverage.json .import_linter_cache mutants
