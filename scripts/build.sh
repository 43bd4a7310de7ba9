#!/usr/bin/env bash
# Builds build/<lambda>.zip for every directory in lambdas/ with a handler.py: its sources, lambdas/common, and what
# requirements/<lambda>.txt pins; each source with the bytecode that Lambda's Python would else compile it to at every cold
# start. The same sources give the same bytes, on any day and under any umask, with the same release of that Python.
#
# usage: build.sh [--with-cryptography] [--with DIR]... [--without-bytecode]
#   --with-cryptography  also builds build/processor-cryptography.zip: the processor for senders that sign with a private
#                        key, compiled for the Lambdas' own Python and processor
#   --with DIR           also builds build/processor-PACKAGE.zip: the processor with DIR, the Python package of a lane's
#                        handler, and with what DIR/requirements.txt pins, if it is there; with --with-cryptography
#                        build/processor-PACKAGE-cryptography.zip, too
#   --without-bytecode   needs no Python 3.13 on this machine: the zips work as they are, and start more slowly
#
# Of DIR/requirements.txt, every requirement needs its hashes, and only what it names is installed: not their dependencies.
set -euo pipefail
shopt -s nullglob

usage() {
    sed -n '/^# usage:/,/^#$/s/^# //p' "$0" >&2
    exit 2
}

refuse() {
    echo "build: $*" >&2
    exit 2
}

with_cryptography=
without_bytecode=
packages=()
while [ $# -gt 0 ]; do
    case $1 in
        --with-cryptography) with_cryptography=yes ;;
        --without-bytecode) without_bytecode=yes ;;
        --with)
            [ $# -gt 1 ] || usage
            [ -d "$2" ] || refuse "--with $2: there is no such directory"
            packages+=("$(cd "$2" && pwd)")
            shift
            ;;
        *) usage ;;
    esac
    shift
done
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ -x "$python" ] || { echo "build: .venv is missing; make it with: make setup" >&2; exit 1; }

# What such a package would stand before: Python's own modules, what Lambda's runtime brings, and cryptography's.
reserved=" $("$python" -c 'import sys; print(*sys.stdlib_module_names)') "
reserved+="awslambdaric boto3 botocore cffi cryptography dateutil jmespath s3transfer six urllib3 "

names=" "
for package in ${packages[@]+"${packages[@]}"}; do
    name=$(basename "$package")
    [[ "$name" =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] ||
        refuse "--with $package: the directory's name is the package's, and $name is no name that Python can import"
    [ -f "$package/__init__.py" ] || refuse "--with $package: it is no Python package, for it has no __init__.py"
    [[ "$reserved" != *" $name "* ]] || refuse "--with $package: Lambda or another zip has a module of that name; choose another"
    [[ "$names" != *" $name "* ]] || refuse "--with $package: there is another --with of that name"
    names+="$name "
done

# The Python whose bytecode Lambda takes: that of `runtime` in modules/function, in a release. pyenv's command for a version
# that is not selected is there, and can't be run.
release=3.13
is_for_lambda() {
    "$1" -I -c "import sys; v = sys.version_info; sys.exit(
        (sys.implementation.cache_tag, v.releaselevel) != ('cpython-${release/./}', 'final')
    )" 2>/dev/null
}

managed_by_uv() {
    .venv/bin/uv python find --no-project --no-python-downloads --managed-python "$release" 2>/dev/null
}

# Names in `compiler` the command that makes the zips.
find_compiler() {
    local candidate
    for candidate in "$python" "python$release" "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$release".*/bin/"python$release"; do
        if is_for_lambda "$candidate"; then
            use "$candidate"
            return
        fi
    done
    if ! managed_by_uv >/dev/null; then
        echo "build: installing Python $release beside this machine's own, for its bytecode is what Lambda's can use" >&2
        .venv/bin/uv python install --quiet --no-bin "$release" ||
            refuse "Python $release is not here and can't be installed: put it on the PATH, or build with" \
                "--without-bytecode, for slower cold starts"
    fi
    use "$(managed_by_uv)"
}

use() {
    compiler=("$1" -I -X no_debug_ranges) # a traceback shows lines, and columns would be a seventh of a zip
}

write_options=()
if [ "$without_bytecode" ]; then
    compiler=("$python" -I)
else
    find_compiler
    write_options+=(--with-bytecode)
fi

mkdir -p build
staging=$(mktemp -d build/.XXXXXX) # here, so that a finished folder or zip comes into place in one step
trap 'rm -rf "$staging"' EXIT

# Names in `vendored` the folder with what a requirements file pins; not by its output, since bash goes on after a failure in $(...).
vendor() {
    local requirements=$1
    shift
    vendored=build/vendor/$({ echo "$@" && cat "$requirements"; } | sha256sum | cut -c1-16)
    if [ ! -d "$vendored" ]; then
        mkdir "$staging/vendor" # pip makes none when nothing is pinned
        "$python" -m pip install -qq --disable-pip-version-check --require-hashes --no-deps --no-compile \
            --only-binary :all: "$@" --requirement "$requirements" --target "$staging/vendor" ||
            { echo "build: what $requirements pins can't be installed for Lambda" >&2; exit 1; }
        mkdir -p build/vendor
        mv "$staging/vendor" "$vendored"
    fi
}

# Pure Python wheels: they run on any processor and on every Python that Lambda offers.
pure=(--platform any --implementation py --abi none)

# Runtime and architecture of modules/function, whose system is Amazon Linux 2023 with glibc 2.34.
lambda=(--implementation cp --python-version "$release" --abi "cp${release/./}" --abi abi3 --platform manylinux2014_aarch64)
for minor in $(seq 17 34); do
    lambda+=(--platform "manylinux_2_${minor}_aarch64")
done

write() {
    local name=$1
    shift
    "${compiler[@]}" scripts/write_zip.py ${write_options[@]+"${write_options[@]}"} "$staging/$name.zip" "$@"
    mv "$staging/$name.zip" "build/$name.zip"
    printf 'build/%s.zip  %d bytes\n' "$name" "$(wc -c <"build/$name.zip")"
}

# The processor's zip for one handler's package; what the processor consists of is in `content`, as is cryptography.
write_with() {
    local package=$1 name entry
    name=$(basename "$package")
    for entry in "${content[@]}"; do
        entry=$(basename "$entry")
        [ "${entry%%.*}" != "$name" ] || refuse "--with $package: the processor has a module of that name; choose another"
    done
    local handler=("$package")
    if [ -f "$package/requirements.txt" ]; then
        # What it pins is known by the file's own content; another's can change.
        ! grep -qE '^[[:space:]]*(-r|-c|--requirement|--constraint)' "$package/requirements.txt" ||
            refuse "--with $package: its requirements.txt names another file; pin everything in it"
        vendor "$package/requirements.txt" "${lambda[@]}"
        handler+=("$vendored"/*)
    fi
    write "processor-$name" "${content[@]}" "${handler[@]}"
    if [ "$with_cryptography" ]; then
        write "processor-$name-cryptography" "${content[@]}" "${cryptography[@]}" "${handler[@]}"
    fi
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
    [ "$name" = processor ] || continue
    if [ "$with_cryptography" ]; then
        vendor requirements/processor-cryptography.txt "${lambda[@]}"
        cryptography=("$vendored"/*)
        write processor-cryptography "${content[@]}" "${cryptography[@]}"
    fi
    for package in ${packages[@]+"${packages[@]}"}; do
        write_with "$package"
    done
done
