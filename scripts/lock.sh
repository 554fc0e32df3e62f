#!/usr/bin/env bash
# Renews requirements/*.lock from pyproject.toml and carriers.in. Needs uv; only developers need this.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

lock() { # lock NAME SOURCE...: writes requirements/NAME.lock
    local name=$1
    shift
    {
        printf '# Locked for Python 3.11-3.14 on Linux, macOS and Windows. Renew: scripts/lock.sh\n'
        uv pip compile "$@" --quiet --universal --python-version 3.11 --fork-strategy fewest \
            --generate-hashes --no-header --no-emit-index-url --upgrade
    } > "requirements/$name.lock.part"
    mv "requirements/$name.lock.part" "requirements/$name.lock"
}

# Everything is resolved together first, so that the test environment is the run environment plus more.
lock test pyproject.toml --extra setup --extra train --extra test
lock run pyproject.toml --extra setup --constraint requirements/test.lock
lock carriers requirements/carriers.in --no-deps
