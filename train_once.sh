#!/usr/bin/env bash
# Trains a generator on a folder of faces, offline; ./train_once.sh --help explains the options.
set -eu
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/environment.sh"
base=$python
up_to_date test || base=$(find_python) || exit 1
if "$base" -Ic 'import sys; sys.exit(sys.version_info[:2] < (3, 14))'; then
    echo 'training needs Python 3.11 to 3.13 (TensorFlow has no release for 3.14 yet); install one, or name it in FACESURROGATE_PYTHON, and delete .venv' >&2
    exit 1
fi
environment test
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"  # more would spin in TensorFlow's way
exec "$python" -I -m pipeline.offline "$@"
