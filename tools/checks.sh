# tools/checks.sh: sourced by the scripts that check. Counts what passed and failed, shows the
# output of what failed, and closes with the line that CI reads.
passed=0
failed=0
broken=
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count NAME PASSED FAILED: adds results that a tool has counted itself.
count() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    [ "$3" -eq 0 ] || broken="$broken
  $1"
}

# check NAME COMMAND...: one check, quiet when it passes.
check() {
    name=$1
    shift
    began=$(date +%s)
    if "$@" >"$scratch/output" 2>&1; then
        count "$name" 1 0
        echo "ok      $name ($(($(date +%s) - began)) s)"
        return 0
    fi
    sed 's/^/    /' "$scratch/output" | tail -n 80
    echo "FAILED  $name"
    count "$name" 0 1
    return 1
}

# finish: the closing line and the exit code.
finish() {
    [ -z "$broken" ] || echo "failed:$broken"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
