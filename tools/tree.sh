#!/bin/sh
# tools/tree.sh make TREE SUITE [PACKAGE...]: a small Debian of that suite in the folder TREE, from the
# archive. What is there is kept; remove the folder to make it again.
# tools/tree.sh run TREE PROGRAM [ARGUMENT...]: runs a program of the tree in it, as this process, with
# /tmp, /proc, /dev and this repository as they are outside, in a mount namespace of its own: nothing
# stays mounted, however it ends. Both need root. Exit 1 when the archive does not answer.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

usage() {
    echo "error: usage: tools/tree.sh make TREE SUITE [PACKAGE...] | run TREE PROGRAM [ARGUMENT...]" >&2
    exit 2
}

make_tree() { # make_tree TREE SUITE PACKAGE...
    . "$top/tools/archive.sh"
    tree=$1 suite=$2
    shift 2
    packages=$(echo "$*" | tr ' ' ,)
    [ "$(cat "$tree/.made" 2>/dev/null || true)" != "$suite $packages" ] || return 0
    [ "$(id -u)" = 0 ] || fail "a Debian tree is made and entered by root only" "run the same with sudo"
    command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing" "apt-get install mmdebstrap"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    archive_sources deb "$suite" >"$work/sources"
    rm -rf "$tree"
    mkdir -p "$(dirname "$tree")"
    echo "tree: a small Debian '$suite' in ${tree#"$top"/}"
    unshare --mount mmdebstrap --mode=root --variant=apt ${packages:+--include="$packages"} \
        "$suite" "$tree" "$work/sources" >"$work/log" 2>&1 || {
        tail -n 12 "$work/log" >&2
        rm -rf "$tree"
        fail "the Debian archive gave no '$suite'" \
            "try again; when the release has moved to another host: HANDOVER_MIRROR=http://HOST/debian"
    }
    echo "$suite $packages" >"$tree/.made"
}

# The program takes the place of this process, so that signals and exit codes are its own.
run_in_tree() { # run_in_tree TREE PROGRAM ARGUMENT...
    [ -d "$1" ] || { echo "error: there is no tree '$1'" >&2; exit 1; }
    export HANDOVER_TREE="$1" HANDOVER_TOP="$top"
    shift
    exec unshare --mount sh -c '
        mkdir -p "$HANDOVER_TREE$HANDOVER_TOP"
        for folder in /tmp /proc /dev "$HANDOVER_TOP"; do
            mount --rbind "$folder" "$HANDOVER_TREE$folder" || exit 1
        done
        cd "$HANDOVER_TREE" || exit 1
        tree=$HANDOVER_TREE here=$OLDPWD
        unset HANDOVER_TREE HANDOVER_TOP
        [ -d "$tree$here" ] || here=/
        exec unshare --root "$tree" --wd "$here" -- "$@"' sh "$@"
}

[ $# -ge 3 ] || usage
verb=$1
shift
case $verb in
make) make_tree "$@" ;;
run) run_in_tree "$@" ;;
*) usage ;;
esac
