#!/bin/sh
# Make everything that `make run` (argument: run) or `make test` (argument: test) needs, and only what changed.
#
# uv and .venv come from the package registries; versions and hashes from the lock files. Each step leaves the
# checksum of its inputs in .build/stamps, so that a second start does nothing.
set -eu
cd "$(dirname "$0")/.."

kind=${1:-run}
PYTHON=${PYTHON:-python3}
stamps=.build/stamps
venv_python=.venv/bin/python
steps=5
if [ "$kind" = test ]; then steps=6; fi
number=0

# The machine's own list of certificate authorities also holds a mirror's; and no interpreter is downloaded.
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-copy}"
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset VIRTUAL_ENV CONDA_PREFIX || true
mkdir -p "$stamps"

fail() { echo "setup: $*" >&2; exit 1; }

# step NAME "TITLE" INPUT-FILES… : runs step_NAME when an input changed or the last run did not finish.
step() {
    name=$1; title=$2; shift 2
    number=$((number + 1))
    now=$( { pwd; cat "$@"; } | cksum )
    if [ -f "$stamps/$name" ] && [ "$(cat "$stamps/$name")" = "$now" ] && "check_$name"; then
        echo "[$number/$steps] $title: up to date"
        return
    fi
    echo "[$number/$steps] $title …"
    rm -f "$stamps/$name"
    begun=$(date +%s)
    "step_$name"
    echo "$now" > "$stamps/$name"
    echo "      done in $(( $(date +%s) - begun )) s"
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || fail "Python 3.11 or newer is needed as '$PYTHON'; name another one with PYTHON=/path/to/python3"

if uv --version >/dev/null 2>&1; then uv=uv; else uv=.uv/bin/uv; fi

check_uv() { [ "$uv" = uv ] || "$uv" --version >/dev/null 2>&1; }
step_uv() {
    [ "$uv" = uv ] && return
    rm -rf .uv
    if "$PYTHON" -m venv .uv >/dev/null 2>&1; then
        .uv/bin/python -m pip install --quiet --require-hashes -r tools/uv.lock
    elif "$PYTHON" -m pip --version >/dev/null 2>&1; then # Debian's Python without its venv package
        rm -rf .uv
        "$PYTHON" -m pip install --quiet --require-hashes --target .uv -r tools/uv.lock
    else
        fail "this Python has neither venv nor pip; install one of them, or uv"
    fi
}

check_venv() { "$venv_python" -c '' 2>/dev/null; }
step_venv() {
    # The programs in .venv/bin carry this folder's path: after a move they must be made anew.
    if ! check_venv || [ "$(cat "$stamps/where" 2>/dev/null || pwd)" != "$(pwd)" ]; then
        "$uv" venv --quiet --clear --python "$PYTHON" .venv
    fi
    pwd > "$stamps/where"
}

# Wheels only, but for one package that publishes none; it is built with the tools of build.lock.
install_lock() {
    "$uv" pip install --quiet --python "$venv_python" --require-hashes --only-binary :all: -r tools/build.lock
    "$uv" pip install --quiet --python "$venv_python" --require-hashes --no-build-isolation \
        --only-binary :all: --no-binary python-alipay-sdk -r "$1"
    echo "      $(grep -c '==' "$1") packages, .venv is now $(du -sh .venv | cut -f1)"
}
check_runtime() { [ -x .venv/bin/uvicorn ]; }
step_runtime() { install_lock requirements.lock; }
check_dev() { [ -x .venv/bin/pytest ]; }
step_dev() { install_lock requirements-dev.lock; }

# The entry points that other programs see must be those of pyproject.toml, which may have changed elsewhere.
check_project() { [ -x .venv/bin/mingzhang ] && "$venv_python" tools/check_entry_points.py; }
step_project() {
    "$uv" pip install --quiet --python "$venv_python" --no-deps --no-build-isolation --no-index -e .
}

check_assets() { [ -f src/mingzhang/web/static/vendor/manifest.json ] && [ -f .build/dev-assets/manifest.json ]; }
step_assets() { "$venv_python" tools/build_assets.py; }

step uv "uv, the installer (65 MB unpacked, unless the machine has it)" tools/uv.lock
step venv ".venv with $("$PYTHON" --version)" /dev/null
step runtime "runtime packages (450 MB unpacked)" tools/build.lock requirements.lock
if [ "$kind" = test ]; then
    step dev "packages for the tests (300 MB unpacked)" \
        tools/build.lock requirements.lock requirements-dev.lock
fi
step project "the command .venv/bin/mingzhang" pyproject.toml
step assets "files for the pages, from npm (110 MB unpacked, 4 MB kept)" \
    package.json package-lock.json .npmrc tools/assets.json tools/assets-dev.json tools/build_assets.py
