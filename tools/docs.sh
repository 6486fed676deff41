#!/bin/sh
# tools/docs.sh [--check]: makes docs/handover.1 and docs/commands.md from the command table of the
# built program, docs/findings.md from the audit's tables of rules, and docs/messages.md from the sources. With --check nothing is written; exit 1 when they are not what it says.
set -eu
cd "$(dirname "$0")/.."
program=build/handover
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

"$program" man >"$made/handover.1"
"$program" findings >"$made/findings.md"
tools/messages.py >"$made/messages.md"
{
    echo "# The commands of handover"
    echo
    echo "Made by \`make docs\` from the program's own help."
    printf '\n```text\n'
    "$program" --help
    printf '```\n'
    # The manual page has a section for each command, also for those that the overview leaves out.
    sed -n 's/^\.SS "handover \(.*\)"$/\1/p' "$made/handover.1" | while read -r name; do
        case $name in help | version) continue ;; esac
        printf '\n## handover %s\n\n```text\n' "$name"
        "$program" $name --help
        printf '```\n'
    done
} >"$made/commands.md"

for page in handover.1 commands.md findings.md messages.md; do
    cmp -s "$made/$page" "docs/$page" 2>/dev/null && continue
    if [ "${1-}" = --check ]; then
        diff -u "docs/$page" "$made/$page" | head -n 40 || true
        echo "docs/$page is not what the program says; do: make docs"
        exit 1
    fi
    cp "$made/$page" "docs/$page"
    echo "docs: docs/$page"
done
