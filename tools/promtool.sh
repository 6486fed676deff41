#!/bin/sh
# tools/promtool.sh: unpacks promtool, which checks metrics, from Debian's package prometheus into
# .cache/promtool, without installing it (the package would start a service), and prints its path.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
store=$top/.cache/promtool
if [ ! -x "$store/usr/bin/promtool" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    if ! apt-get -qq download prometheus >log 2>&1; then
        cat log >&2
        echo "error: apt-get could not fetch the package prometheus" >&2
        echo "  do: apt-get update, then again" >&2
        exit 1
    fi
    dpkg-deb -x prometheus_*.deb tree
    mkdir -p "$top/.cache"
    rm -rf "$store"
    mv tree "$store"
fi
echo "$store/usr/bin/promtool"
