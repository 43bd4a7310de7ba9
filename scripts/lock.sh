#!/usr/bin/env bash
# Pins what pyproject.toml asks for, with hashes, for Python 3.11 to 3.13 on any platform. Run after editing it.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url "$@"
}

compile pyproject.toml --group development --output-file requirements/development.txt
compile --group processor --no-deps --constraint requirements/development.txt --output-file requirements/processor.txt
compile --group processor-cryptography --no-deps --constraint requirements/development.txt --output-file requirements/processor-cryptography.txt
