#!/usr/bin/env bash
# Makes .venv from the pinned, hashed requirements, with this project in it. Does nothing when it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/requirements.sha256
wanted=$(cat requirements/development.txt pyproject.toml | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    { echo "setup: Python 3.11, 3.12 or 3.13 is needed; $("$python" --version) was found. Set PYTHON to another." >&2; exit 1; }
command -v terraform >/dev/null ||
    { echo "setup: terraform (1.11 or later) is needed on the PATH." >&2; exit 1; }

echo "setup: installing the pinned requirements into .venv (about a minute, once)"
"$python" -m venv --clear .venv
.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-compile --only-binary :all: --requirement requirements/development.txt
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$wanted" >"$stamp"
