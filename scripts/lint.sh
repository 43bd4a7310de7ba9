#!/usr/bin/env bash
# Formatting and types of the Python, formatting and validity of the Terraform. Changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/ruff format --quiet --check . || { echo "lint: run make format" >&2; exit 1; }
.venv/bin/ruff check --quiet .
.venv/bin/mypy
.venv/bin/mypy examples/email-events
# Formatting needs no configuration; a variable that names a missing file would be a warning each time.
TF_CLI_CONFIG_FILE=/dev/null terraform fmt -check -recursive modules envs examples || { echo "lint: run make format" >&2; exit 1; }
.venv/bin/python scripts/validate_terraform.py
