#!/bin/sh
# tools/twice.sh [deb] [tarball]: builds the last commit twice from nothing, in different folders, at
# different times, with another umask, language and zone, and compares the bytes of the program and
# of the packages asked for (without an argument: the program alone). The last line is 'N passed, N failed'.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/checks.sh
top=$PWD
wanted=" $* "

# One build from nothing in folder $1; the results are in $scratch/$2.
build_in() {
    git clone -q "$top" "$1" && cd "$1" && mkdir -p "$scratch/$2" || return 1
    meson setup build >/dev/null && ninja -C build --quiet handover || return 1
    cp build/handover "$scratch/$2/handover"
    case $wanted in *' deb '*) tools/deb.sh && mv build/handover_*.deb "$scratch/$2/" || return 1 ;; esac
    case $wanted in *' tarball '*)
        # The sources of the libraries are kept, so that both builds are of the same ones.
        mkdir -p "$1-trees" "$top/.cache/trees/sources" && ln -s "$top/.cache/trees/sources" "$1-trees/sources" &&
            HANDOVER_TREES=$1-trees HANDOVER_OUT=$scratch/$2 tools/tarball.sh || return 1
        ;;
    esac
}
one() { (umask 022 && export LC_ALL=C TZ=UTC && build_in "$scratch/a" one); }
two() { (umask 077 && export LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=Asia/Taipei && build_in "$scratch/a longer/folder" two); }

check "a first build" one || finish || exit 1
check "a second build, elsewhere, later, with another umask, language and zone" two || finish || exit 1
for made in "$scratch"/one/*; do
    name=${made##*/}
    check "$name is the same twice" cmp "$made" "$scratch/two/$name"
    sha256sum "$made" | sed "s|$scratch/one/||"
done
finish
