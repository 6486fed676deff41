#!/bin/sh
# tools/build.sh NAME: configures build-NAME when needed and builds it. Every build treats a warning
# as an error. Names:
#   asan   clang, address and undefined behaviour sanitizers, errors end the program; with the fuzz targets
#   tsan   clang, thread sanitizer
#   clang  clang, release
set -eu
cd "$(dirname "$0")/.."
harden=-fno-sanitize-recover=all
case ${1-} in
asan) set -- asan -Dfuzz=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args="$harden -fsanitize=fuzzer-no-link" ;;
tsan) set -- tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false ;;
clang) set -- clang ;;
*)
    echo "error: usage: tools/build.sh asan|tsan|clang" >&2
    exit 2
    ;;
esac
directory=build-$1
shift
[ -e "$directory/build.ninja" ] || CC=clang meson setup "$directory" "$@"
ninja -C "$directory" --quiet
