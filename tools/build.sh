#!/bin/sh
# tools/build.sh NAME: configures build-NAME when needed and builds it. Every build treats a warning
# as an error. Names:
#   asan   clang, address and undefined behaviour sanitizers, errors end the program; with the fuzz targets
#   tsan   clang, thread sanitizer
#   clang  for clang-tidy: configured, with the sources that are generated, nothing compiled
set -eu
cd "$(dirname "$0")/.."
targets=
harden=-fno-sanitize-recover=all
case ${1-} in
asan) set -- asan -Dfuzz=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args="$harden -fsanitize=fuzzer-no-link" ;;
tsan) set -- tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false ;;
clang) set -- clang && targets='src/report/style.inc src/knowledge/embedded_files.c' ;;
*)
    echo "error: usage: tools/build.sh asan|tsan|clang" >&2
    exit 2
    ;;
esac
directory=build-$1
shift
[ -e "$directory/build.ninja" ] || CC=clang meson setup "$directory" "$@"
# shellcheck disable=SC2086 # one word for each target; none is all
ninja -C "$directory" --quiet $targets
