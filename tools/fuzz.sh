#!/bin/sh
# tools/fuzz.sh [SECONDS [NAME...]]: runs fuzz targets over tests/fuzz/corpus/NAME for that long each
# (60). New inputs stay in build-fuzz/corpus/NAME; a crash is written to build-fuzz/crash/ and named.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
tools/build.sh fuzz >/dev/null || tools/build.sh fuzz
if [ $# -eq 0 ]; then
    set -- $(find build-fuzz/tests/fuzz -maxdepth 1 -name '*_fuzz' -type f | sed 's|.*/||; s/_fuzz$//' | sort)
    [ $# -gt 0 ] || { echo "no fuzz targets"; exit 0; }
fi
mkdir -p build-fuzz/crash
for name in "$@"; do
    mkdir -p "build-fuzz/corpus/$name"
    kept=tests/fuzz/corpus/$name
    [ -d "$kept" ] || kept=
    echo "fuzz: $name for $seconds s"
    "build-fuzz/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="build-fuzz/crash/$name-" "build-fuzz/corpus/$name" $kept \
        2>"build-fuzz/$name.log" || { tail -n 40 "build-fuzz/$name.log"; echo "fuzz: $name FAILED" >&2; exit 1; }
    grep -E 'stat::number_of_executed_units|stat::new_units_added' "build-fuzz/$name.log" || true
done
