#!/bin/sh
# tools/setup.sh [GROUP...]: installs what tools/packages.txt lists for the groups (build run test
# lint; without an argument: build run test). Says nothing and changes nothing when all is there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- build run test

missing=
for group in "$@"; do
    for package in $(awk -v g="$group" '$1 == g { print $2 }' "$here/packages.txt"); do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "error: these Debian packages are missing, and there is no sudo to install them:" >&2
        echo "  do: as root, apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The variable goes through env, because sudo cleans the environment.
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
if ! { apt update && apt install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "error: apt-get could not install$missing" >&2
    echo "  do: look at the lines above; this project expects Debian 12 and its archive" >&2
    exit 1
fi
