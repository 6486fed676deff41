#!/bin/sh
# tests/layering.sh: an #include of src/X from src/Y is allowed only when X stands in the meson
# dependencies of Y, directly or through another; X/X_internal.h only inside X. Prints each line
# that breaks this; exit 1 when there is one.
set -eu
cd "$(dirname "$0")/.."
graph=$(mktemp)
trap 'rm -f "$graph"' EXIT
for build in src/*/meson.build; do
    from=${build#src/} from=${from%/meson.build}
    # Names of folders that stand as NAME_dep in the file; outside libraries have no folder.
    for to in $(sed 's/#.*//' "$build" | grep -o '[a-z0-9_]*_dep\b' | sort -u); do
        to=${to%_dep}
        [ "$to" != "$from" ] && [ -d "src/$to" ] && echo "$from $to"
    done
done >"$graph"
find src -name '*.[ch]' | sort | xargs grep -nE '^[ 	]*#[ 	]*include[ 	]+"' /dev/null | awk -v graph="$graph" '
    function closure(from, to,    key) { # everything that `from` may use
        if ((from, to) in may) return
        may[from, to] = 1
        for (key in edge) { split(key, ends, SUBSEP); if (ends[1] == to) todo[++todos] = from SUBSEP ends[2] }
    }
    BEGIN {
        while ((getline line < graph) > 0) { split(line, e, " "); edge[e[1], e[2]] = 1 }
        for (key in edge) todo[++todos] = key
        while (todos) { split(todo[todos--], ends, SUBSEP); closure(ends[1], ends[2]) }
        for (key in may) { split(key, ends, SUBSEP)
            if (ends[1] == ends[2]) { print "src/" ends[1] "/meson.build: it depends on itself through others"; bad = 1 } }
    }
    {
        split($0, at, ":"); split(at[1], path, "/"); from = path[2]
        match($0, /"[^"]*"/); name = substr($0, RSTART + 1, RLENGTH - 2)
        if (name !~ /\//) { print $0 "   <- name the folder: \"folder/" name "\""; bad = 1; next }
        to = name; sub(/\/.*/, "", to)
        if (name ~ /_internal\.h$/ && to != from) { print $0 "   <- internal to " to; bad = 1 }
        else if (to != from && !((from, to) in may)) { print $0 "   <- src/" from "/meson.build does not depend on " to "_dep"; bad = 1 }
    }
    END { exit bad }'
