# Three commands do all the set-up that they need: make demo, make email-events, make test.
.DEFAULT_GOAL := help
EXAMPLES = --with examples/email-events/email_events
.PHONY: help setup build demo email-events test bench lint format clean

help: ## What there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Make .venv with everything pinned
	@scripts/setup.sh

build: setup ## Build the Lambda zips into build/, those of the examples' handlers, too
	@scripts/build.sh $(EXAMPLES)

demo: build ## Run the whole pipeline on this machine and check where everything ended
	@.venv/bin/webhookctl local demo

email-events: build ## Run an example with a handler and a PostgreSQL, and check that each event took effect once
	@.venv/bin/python examples/email-events/run.py

test: setup ## Lint, then every test
	@scripts/build.sh --with-cryptography $(EXAMPLES)
	@scripts/lint.sh
	@scripts/test.sh

bench: build ## Measure this design against the usual ones on this machine: table, build/bench.json, build/bench.svg
	@.venv/bin/python -m tests.bench

lint: build ## Formatting, types, and terraform validate
	@scripts/lint.sh

format: setup ## Format everything
	@.venv/bin/ruff format --quiet . && .venv/bin/ruff check --quiet --fix . && TF_CLI_CONFIG_FILE=/dev/null terraform fmt -recursive modules envs examples

clean: ## Remove everything that was made here
	@rm -rf .venv build .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
