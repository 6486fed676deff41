#!/bin/sh
# tools/test.sh [PART...]: what `make test` runs. Parts: build unit asan tsan integration fuzz
# layering; without one, all. Every cmocka test, pytest test and other check counts one. The last line is
# 'N passed, N failed'. Environment: FUZZ_SECONDS per target (3), PYTEST_ARGS.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/checks.sh
python=/usr/bin/python3
parts=${*:-build unit asan tsan integration fuzz layering}

wanted() {
    case " $parts " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# unit DIRECTORY [PATTERN]: every cmocka program of a build, each of its tests counted by itself.
unit() {
    for program in $(find "$1/tests/unit" -maxdepth 1 -name '*_test' -type f -perm -u+x | grep -E "${2-.}" | sort); do
        log=$scratch/unit
        CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$program" >"$log" 2>&1
        code=$?
        good=$(grep -c '^ok ' "$log")
        bad=$(grep -c '^not ok ' "$log")
        # A program that crashed, or failed without saying in which test, is a failure of its own.
        [ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
        count "$program" "$good" "$bad"
        if [ "$bad" -gt 0 ]; then
            grep -v '^ok ' "$log" | tail -n 60 | sed 's/^/    /'
            echo "FAILED  $program: $bad of $((good + bad)); alone: $program"
        else
            echo "ok      $program: $good"
        fi
    done
}

# integration NAME ARGUMENTS...: pytest, its tests counted; the details stand above the summary.
integration() {
    name=$1
    shift
    log=$scratch/pytest
    $python -m pytest -p no:cacheprovider -q --tb=short -o console_output_style=classic \
        --durations=5 "$@" ${PYTEST_ARGS-} 2>&1 | tee "$log"
    number() { tail -n 1 "$log" | grep -oE "[0-9]+ $1" | grep -oE '^[0-9]+' || echo 0; }
    bad=$(($(number failed) + $(number error)))
    good=$(number passed)
    [ "$((good + bad))" -gt 0 ] || bad=1
    count "$name" "$good" "$bad"
}

# As many targets at once as there are cores; then each counts by itself.
fuzz() {
    seconds=${FUZZ_SECONDS:-3}
    names=$(find build-asan/tests/fuzz -maxdepth 1 -name '*_fuzz' -type f | sed 's|.*/||; s/_fuzz$//' | sort)
    [ -n "$names" ] || echo "no fuzz targets"
    # shellcheck disable=SC2086 # one word for each target
    printf '%s\n' $names | xargs -r -P "$(nproc)" -I NAME sh -c 'tools/fuzz.sh "$0" NAME >"$1/fuzz-NAME" 2>&1 && : >"$1/fuzz-NAME.good"' \
        "$seconds" "$scratch"
    for name in $names; do
        check "fuzz $name, $seconds s" fuzz_was_good "$name"
    done
}

fuzz_was_good() {
    cat "$scratch/fuzz-$1"
    [ -e "$scratch/fuzz-$1.good" ]
}

# The other builds, while tests wait for servers: at idle priority, so that no test feels it. What goes
# wrong here is told where the build is asked for.
prepare() {
    for part in asan tsan; do
        if wanted $part; then chrt -i 0 tools/build.sh $part; fi
    done >/dev/null 2>&1
}

export PYTHONDONTWRITEBYTECODE=1
have_release=1
if wanted build; then check "gcc release build without a warning" make all || have_release=0; fi
if wanted layering; then check "includes keep to the layers" tests/layering.sh; fi
if wanted unit && [ "$have_release" = 1 ]; then unit build; fi
# What measures rates and short times needs the machine for itself; the rest goes two files at a time.
alone="tests/integration/test_throttle.py tests/integration/test_faults_expiry.py tests/integration/test_faults_limits.py"
if wanted integration && [ "$have_release" = 1 ]; then
    # shellcheck disable=SC2086 # one word for each file
    integration "integration, alone" $alone
    prepare &
    # shellcheck disable=SC2046,SC2086
    integration "integration" -n 2 --dist loadfile $(printf -- '--ignore=%s ' $alone) tests/integration
    wait
fi
if wanted asan || wanted fuzz; then
    check "clang sanitizer build without a warning" tools/build.sh asan && have_asan=1
fi
if wanted asan && [ "${have_asan-0}" = 1 ]; then unit build-asan; fi
if wanted integration && [ "${have_asan-0}" = 1 ] && [ -x build-asan/handover ]; then
    # A slice under the sanitizers: a full move, cuts, a second snapshot, a cutover, a verification.
    HANDOVER_BIN=$PWD/build-asan/handover HANDOVER_SLOW=4 integration "integration with sanitizers" \
        tests/integration/test_move.py tests/integration/test_resume.py tests/integration/test_cutover.py \
        tests/integration/test_verify.py -k "arrives_whole or cut_connections or second_full_resync or automatic_cutover or planted_difference or code_2"
fi
if wanted interop && [ "$have_release" = 1 ] && check "clients from Debian and npm" tests/interop/install.sh; then
    integration "interop" tests/interop
fi
if wanted tsan && check "clang thread sanitizer build without a warning" tools/build.sh tsan; then
    # The threads of a link: receiver, applier, control. A report of the sanitizer is a file here.
    mkdir "$scratch/tsan"
    export TSAN_OPTIONS="log_path=$scratch/tsan/report second_deadlock_stack=1"
    unit build-tsan '/(net|engine|repl|apply|model|journal)[a-z_]*_test$'
    HANDOVER_BIN=$PWD/build-tsan/handover HANDOVER_SLOW=4 integration "integration with the thread sanitizer" \
        tests/integration/test_move.py tests/integration/test_resume.py tests/integration/test_cutover.py \
        -k "arrives_whole or cut_connections or second_full_resync or automatic_cutover"
    unset TSAN_OPTIONS
    no_reports() { ! cat "$scratch"/tsan/* 2>/dev/null; }
    check "no race between the threads of a link" no_reports
fi
if wanted fuzz && [ "${have_asan-0}" = 1 ]; then fuzz; fi
finish
