#!/usr/bin/env bash
# Replaces every face in the photos and videos of in/ and writes them to out/.
# ./generate.sh [INPUT...] [--out DIR] [options]; ./generate.sh --help explains them.
set -eu
. "$(dirname -- "${BASH_SOURCE[0]}")/scripts/environment.sh"
environment run
exec "$python" -I -m pipeline.cli run "$@"
