#!/bin/sh
# tools/fuzz.sh AMOUNT [NAME...]: runs fuzz targets over tests/fuzz/corpus/NAME, each for AMOUNT seconds
# ("60"), or until AMOUNT inputs were executed ("10000000x"). New inputs stay in build-asan/corpus/NAME;
# a crash is written to build-asan/crash/ and named.
set -eu
cd "$(dirname "$0")/.."
amount=${1:-60}
[ $# -eq 0 ] || shift
tools/build.sh asan >/dev/null || tools/build.sh asan
if [ $# -eq 0 ]; then
    set -- $(find build-asan/tests/fuzz -maxdepth 1 -name '*_fuzz' -type f | sed 's|.*/||; s/_fuzz$//' | sort)
    [ $# -gt 0 ] || { echo "no fuzz targets"; exit 0; }
fi
case $amount in
*x) limit=-runs=${amount%x} said="${amount%x} executions" ;;
*) limit=-max_total_time=$amount said="$amount s" ;;
esac
mkdir -p build-asan/crash
# Short stacks of allocations and a small quarantine: several times as many executions.
export ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=16:thread_local_quarantine_size_kb=64
for name in "$@"; do
    mkdir -p "build-asan/corpus/$name"
    kept=tests/fuzz/corpus/$name
    [ -d "$kept" ] || kept=
    echo "fuzz: $name, $said"
    "build-asan/tests/fuzz/${name}_fuzz" "$limit" -timeout=30 -rss_limit_mb=1024 -reload=0 \
        -print_final_stats=1 -artifact_prefix="build-asan/crash/$name-" "build-asan/corpus/$name" $kept \
        2>"build-asan/$name.log" || { tail -n 40 "build-asan/$name.log"; echo "fuzz: $name FAILED" >&2; exit 1; }
    grep -E 'stat::number_of_executed_units|stat::average_exec_per_sec|stat::new_units_added' "build-asan/$name.log" || true
done
