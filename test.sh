#!/usr/bin/env bash
# Lint, types and tests; arguments go to pytest: ./test.sh tests/pipeline -k weights
set -eu
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/environment.sh"
environment test
browser
cd "$root"
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"  # more would spin in TensorFlow's way
exec "$python" -m pytest -rs "$@"
