#!/bin/sh
# tools/lint.sh [CHECK...]: what `make lint` runs. Checks: format layering length words scripts docs
# cppcheck tidy; without one, all. The last line is 'N passed, N failed'.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/checks.sh
checks=${*:-format layering length words scripts docs cppcheck tidy}

sources() { git ls-files -co --exclude-standard -- '*.c' '*.h'; }

format() { sources | xargs -r clang-format --dry-run -Werror; }

length() {
    git ls-files -co --exclude-standard -- '*.c' '*.h' '*.py' '*.sh' | xargs -r wc -l |
        awk '$2 != "total" && $1 > 1200 { print $2 ": " $1 " lines, 1200 is the limit"; bad = 1 } END { exit bad }'
}

# Nothing in the tree may point at the place where it was made.
words() {
    if git grep -nIE '(^|[^a-zA-Z0-9_./-])/(work|farm|home/[a-z]+)/|/tmp/bash_[j]obs|\b[s]ubagent|[i]ssue #[0-9]+' -- . \
        ':!LICENSE'; then
        return 1
    fi
}

scripts() {
    for script in tools/*.sh tests/*.sh .ci/run; do
        sh -n "$script" || return 1
    done
    /usr/bin/python3 - <<END
import ast, subprocess, sys
for path in subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.py"], capture_output=True, text=True).stdout.split():
    ast.parse(open(path).read(), path)
END
}

pages() { make -s all && tools/docs.sh --check; }

tidy() {
    tools/build.sh clang >/dev/null || return 1
    git ls-files -co --exclude-standard -- 'src/*.c' | xargs -r -n 4 -P "$(nproc)" clang-tidy --quiet -p build-clang 2>/dev/null
}

cpp_check() {
    cppcheck --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --quiet --std=c11 \
        --library=posix --suppress=missingIncludeSystem --suppress=internalAstError --suppress=readdirCalled --template=gcc -j "$(nproc)" -I src src
}

for one in $checks; do
    case $one in
    format) check "clang-format leaves every file as it is" format ;;
    layering) check "includes keep to the layers" tests/layering.sh ;;
    length) check "no file is over 1200 lines" length ;;
    words) check "no file names a machine's own paths" words ;;
    scripts) check "scripts parse" scripts ;;
    docs) check "docs are what the program says" pages ;;
    cppcheck) check "cppcheck" cpp_check ;;
    tidy) check "clang-tidy" tidy ;;
    *)
        echo "error: no check is called '$one'" >&2
        exit 2
        ;;
    esac
done
finish
