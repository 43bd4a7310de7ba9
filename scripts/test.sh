#!/usr/bin/env bash
# Every test, in two halves side by side: most of their time Terraform waits, and the others compute.
set -euo pipefail
cd "$(dirname "$0")/.."

log=build/terraform-tests.log
.venv/bin/python -m pytest tests/plan tests/e2e >"$log" 2>&1 &
terraform=$!
trap 'kill "$terraform" 2>/dev/null || true' EXIT

echo "tests/unit and tests/fuzz here; tests/plan and tests/e2e beside them, shown when they end"
failed=0
.venv/bin/python -m pytest tests/unit tests/fuzz || failed=1
wait "$terraform" || failed=1
cat "$log"
exit "$failed"
