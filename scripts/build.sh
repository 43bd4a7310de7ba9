#!/usr/bin/env bash
# Builds build/<lambda>.zip for every directory in lambdas/ with a handler.py: its sources, lambdas/common, and what
# requirements/<lambda>.txt pins. The same sources give the same bytes, on any day and under any umask.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ -x "$python" ] || { echo "build: .venv is missing; make it with: make setup" >&2; exit 1; }
mkdir -p build
staging=$(mktemp -d build/.XXXXXX) # here, so that a finished folder or zip comes into place in one step
trap 'rm -rf "$staging"' EXIT

# Names in `vendored` the folder with what a requirements file pins; not by its output, since bash goes on after a failure in $(...).
# Pure Python wheels only: the zip runs on any processor and on every Python that Lambda offers.
vendor() {
    local requirements=$1
    vendored=build/vendor/$(sha256sum <"$requirements" | cut -c1-16)
    if [ ! -d "$vendored" ]; then
        "$python" -m pip install -qq --disable-pip-version-check --require-hashes --no-deps --no-compile \
            --only-binary :all: --platform any --implementation py --abi none \
            --requirement "$requirements" --target "$staging/vendor"
        mkdir -p build/vendor
        mv "$staging/vendor" "$vendored"
    fi
}

for handler in lambdas/*/handler.py; do
    name=$(basename "$(dirname "$handler")")
    content=("lambdas/$name" lambdas/common)
    requirements=requirements/$name.txt
    if [ -f "$requirements" ]; then
        vendor "$requirements"
        content+=("$vendored"/*)
    fi
    "$python" scripts/write_zip.py "$staging/$name.zip" "${content[@]}"
    mv "$staging/$name.zip" "build/$name.zip"
    printf 'build/%s.zip  %d bytes\n' "$name" "$(wc -c <"build/$name.zip")"
done
