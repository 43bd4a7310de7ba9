#!/usr/bin/env bash
# Every test, in two halves side by side that take as long as each other: the other one waits for Terraform in part of its time.
set -euo pipefail
cd "$(dirname "$0")/.."

log=build/other-half.log
# What tests/e2e runs from is applied meanwhile, unless it was before: of its two minutes each it waits for most. Whatever
# goes wrong is for the tests to say, which then apply it themselves.
.venv/bin/python -m tests.e2e.applied >/dev/null 2>&1 &
applies=$!
.venv/bin/python -m pytest tests/plan tests/e2e tests/unit/local >"$log" 2>&1 &
other_half=$!
trap 'kill "$other_half" "$applies" 2>/dev/null || true' EXIT

echo "tests/unit and tests/fuzz here; tests/plan, tests/e2e and tests/unit/local beside them, shown when they end"
failed=0
.venv/bin/python -m pytest tests/unit tests/fuzz --ignore tests/unit/local || failed=1
wait "$other_half" || failed=1
cat "$log"
exit "$failed"
