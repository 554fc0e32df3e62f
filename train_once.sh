#!/usr/bin/env bash
# Trains a generator on a folder of faces, offline; ./train_once.sh --help explains the options.
set -eu
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/environment.sh"
environment test
if ! "$python" -Ic 'import importlib.util as u, sys; sys.exit(u.find_spec("tensorflow") is None)'; then
    echo 'training needs Python 3.11 to 3.13 (TensorFlow has no release for 3.14 yet); name one in FACESURROGATE_PYTHON and delete .venv' >&2
    exit 1
fi
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"  # more would spin in TensorFlow's way
exec "$python" -I -m pipeline.offline "$@"
