# Sourced by generate.sh, train_once.sh and test.sh (bash 3.2 is enough).
#
# `environment LEVEL` makes .venv for LEVEL where it is missing or out of date and sets `python`.
# The levels: run (what users need) < test (training's libraries and the test tools on top).
# A .venv is up to date when the lock files it was made from are the present ones, and it was
# made in this folder for this Python; scripts/environment.py writes that down when it is done.

# shellcheck shell=bash
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
python=$root/.venv/bin/python

environment() {
    if ! up_to_date "$1"; then
        local base
        base=$(find_python) || exit 1
        "$base" -I "$root/scripts/environment.py" "$1" || exit 1
    fi
}

up_to_date() {
    local made=$root/.venv/made-from name
    for name in run carriers ${1#run}; do
        cmp -s "$root/requirements/$name.lock" "$made/$name.lock" || return 1
    done
    [ -x "$python" ] && [ "$("$python" -ISc 'import sys; print(*sys.version_info[:2])' 2>&1)
$root" = "$(cat "$made/origin")" ]
}

# A browser for the tests of pages, where none is there and Debian's can be installed without a
# question. Where that fails these tests are skipped and say so.
browser() {
    local name
    for name in "${FACESURROGATE_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if command -v "$name" > /dev/null; then return; fi
    done
    if [ -n "${FACESURROGATE_CHROMIUM:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
        return 0
    fi
    echo 'installing chromium for the browser tests, this once (0.1 GB to fetch: 1 to 3 minutes)' >&2
    install_chromium || { apt_get update && install_chromium; } || true
}

install_chromium() {
    apt_get install --no-install-recommends chromium
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=60 "$@" < /dev/null > /dev/null 2>&1
}

find_python() { # 3.14 comes last: TensorFlow has no release for it yet
    local name found=''
    for name in ${FACESURROGATE_PYTHON:+"$FACESURROGATE_PYTHON"} \
        python3.13 python3.12 python3.11 python3.14 python3 python; do
        if "$name" -Ic 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'; then
            found=${found:-$name}
            if "$name" -Ic 'import ensurepip, venv'; then
                printf '%s\n' "$name"
                return
            fi
        fi
    done 2> /dev/null
    if [ -n "$found" ]; then
        echo "$found lacks the module venv; install it (on Debian and Ubuntu: apt install python3-venv)" >&2
    else
        echo 'no Python 3.11 to 3.14 found; install one, or name it in FACESURROGATE_PYTHON' >&2
    fi
    return 1
}
