#!/usr/bin/env bash
# Builds build/<lambda>.zip for every directory in lambdas/ with a handler.py: its sources, lambdas/common, and what
# requirements/<lambda>.txt pins. The same sources give the same bytes, on any day and under any umask.
#
# usage: build.sh [--with-cryptography]    also builds build/processor-cryptography.zip: the processor for senders that sign
#                                          with a private key, compiled for the Lambdas' own Python and processor
set -euo pipefail
cd "$(dirname "$0")/.."

variant=${1:-}
if [ $# -gt 1 ] || [[ ! "$variant" =~ ^(--with-cryptography)?$ ]]; then
    sed -n 's/^# \(usage:.*\)/\1/p' "$0" >&2
    exit 2
fi
python=.venv/bin/python
[ -x "$python" ] || { echo "build: .venv is missing; make it with: make setup" >&2; exit 1; }
mkdir -p build
staging=$(mktemp -d build/.XXXXXX) # here, so that a finished folder or zip comes into place in one step
trap 'rm -rf "$staging"' EXIT

# Names in `vendored` the folder with what a requirements file pins; not by its output, since bash goes on after a failure in $(...).
vendor() {
    local requirements=$1
    shift
    vendored=build/vendor/$(sha256sum <"$requirements" | cut -c1-16)
    if [ ! -d "$vendored" ]; then
        "$python" -m pip install -qq --disable-pip-version-check --require-hashes --no-deps --no-compile \
            --only-binary :all: "$@" --requirement "$requirements" --target "$staging/vendor"
        mkdir -p build/vendor
        mv "$staging/vendor" "$vendored"
    fi
}

# Pure Python wheels: they run on any processor and on every Python that Lambda offers.
pure=(--platform any --implementation py --abi none)

# Runtime and architecture of modules/function, whose system is Amazon Linux 2023 with glibc 2.34.
lambda=(--implementation cp --python-version 3.13 --abi cp313 --abi abi3
    --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_34_aarch64)

write() {
    local name=$1
    shift
    "$python" scripts/write_zip.py "$staging/$name.zip" "$@"
    mv "$staging/$name.zip" "build/$name.zip"
    printf 'build/%s.zip  %d bytes\n' "$name" "$(wc -c <"build/$name.zip")"
}

for handler in lambdas/*/handler.py; do
    name=$(basename "$(dirname "$handler")")
    content=("lambdas/$name" lambdas/common)
    requirements=requirements/$name.txt
    if [ -f "$requirements" ]; then
        vendor "$requirements" "${pure[@]}"
        content+=("$vendored"/*)
    fi
    write "$name" "${content[@]}"
    if [ "$name$variant" = processor--with-cryptography ]; then
        vendor requirements/processor-cryptography.txt "${lambda[@]}"
        write processor-cryptography "${content[@]}" "$vendored"/*
    fi
done
