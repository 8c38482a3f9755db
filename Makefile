# The whole set-up, on a machine with Python 3.11 to 3.13, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_JOBS ?= 2
export TRANSCODER_KEYS_DIR ?= $(CURDIR)/demo-out/keys
export TRANSCODER_HOME ?= $(CURDIR)/demo-out/home

FUZZ_SECONDS ?= 600

.PHONY: setup demo test fuzz check format bench openapi lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), f"needs Python 3.11 to 3.13, this is {sys.version.split()[0]}; name one: make PYTHON=python3.12"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -c "from transcoder.sandbox import kernels; from transcoder.settings import Settings; kernels.prepare(Settings.from_environment().sandbox.kernels)"
	$(BIN)/python -m compileall -q transcoder  # pip does so for what it copies; without, each start compiles all of it
	touch $(STAMP)

demo: setup  ## the main job: the synthetic scene and real footage, delivered, verified, reported
	rm -rf demo-out/real demo-out/delivery demo-out/delivery-real
	$(BIN)/python samples/fetch_real.py --out demo-out/real
	$(BIN)/transcoder apply samples/cctv_day.avi samples/cctv_still.jpg \
	    --profile cps-twif-1mb --out demo-out/delivery --exhibit DEMO/1 --operator "make demo"
	$(BIN)/transcoder apply demo-out/real/bikes.mp4 \
	    --profile cps-twif-1mb --cap 300000 --out demo-out/delivery-real --exhibit DEMO/2 --operator "make demo"
	$(BIN)/transcoder verify demo-out/delivery
	$(BIN)/transcoder verify demo-out/delivery-real --source demo-out/real/bikes.mp4
	@echo "Open the reports: demo-out/delivery*/*.report.html"

test: setup  ## two at a time: most of them wait for a process to start
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal

fuzz: setup  ## damaged documents and media with fresh seeds; what fails is kept in fuzz-findings/
	$(BIN)/python -m tests.fuzz.longer --seconds $(FUZZ_SECONDS) --findings fuzz-findings

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## the studies, on ../shared/corpus where it is there; says which other tools to install
	$(BIN)/python -m pytest benchmarks --benchmark-only
	$(BIN)/python -m benchmarks

openapi: setup  ## the contract of the HTTP API, from the program
	$(BIN)/python -m tests.helpers.contract docs/openapi.json

lock: setup  ## pin every dependency with its hashes; names no package index
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --all-extras --group dev --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra service --extra s3 --group build --constraint requirements.lock --no-annotate pyproject.toml \
	    -o requirements-service.lock

clean:
	rm -rf $(VENV) demo-out dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks fuzz-findings
