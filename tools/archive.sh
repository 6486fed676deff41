# tools/archive.sh: sourced by the scripts that take packages or sources from Debian's archive for
# themselves: nothing is installed here, and apt's own lists stay as they are. They set `work`, a
# folder of their own that they remove.

fail() { # fail WHAT [WHAT TO DO]
    echo "error: $1" >&2
    [ -z "${2-}" ] || echo "  do: $2" >&2
    exit 1
}

# A line of apt's older form (deb [options] URI suite ...) as a paragraph of the newer one.
archive_of_list() { # archive_of_list CODENAME SECURITY
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        awk -v code="$1" -v security="$2" '$1 == "deb" && (/security/ ? "yes" : "no") == security {
            at = 2
            if ($2 ~ /^\[/) { while (at < NF && $at !~ /\]$/) at++; at++ }
            suite = $(at + 1); sub(/-security.*|\/updates$/, "", suite)
            if (suite != code) next
            print "URIs: " $at
            if (match($0, /signed-by=[^] ]*/)) print "Signed-By: " substr($0, RSTART + 10, RLENGTH - 10)
            exit }'
}

# Where this machine takes its own release (or its security updates) from, and with which keys.
archive_here() { # archive_here SECURITY(yes|no)
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v code="$codename" -v security="$1" 'BEGIN { RS = ""; FS = "\n" }
            (/\nURIs:[^\n]*security|\nSuites:[^\n]*security/ ? "yes" : "no") == security &&
            $0 ~ "Suites:[^\n]*[ \t]" code "(-security)?([ \t\n]|$)" && !/Enabled:[ \t]*no/ {
                for (i = 1; i <= NF; i++) if ($i !~ /^(#|Types:|Suites:|Components:)/) print $i
                exit }' "$file"
    done | grep . || archive_of_list "$codename" "$1" | grep .
}

# archive_sources TYPE SUITE...: apt's source list for these suites (TYPE deb or deb-src), from the
# mirror this machine uses itself. HANDOVER_MIRROR takes another one for all but security, for
# example when an old release has moved to another host.
archive_sources() {
    type=$1
    shift
    for suite; do
        security=no
        case $suite in *-security) security=yes ;; esac
        where=$(archive_here $security) || {
            [ $security = no ] || continue # a machine without them goes on without them
            fail "no Debian mirror in the apt sources of this machine" "add one to /etc/apt/sources.list"
        }
        [ $security = yes ] || [ -z "${HANDOVER_MIRROR-}" ] ||
            where=$(echo "$where" | sed "s|^URIs:.*|URIs: $HANDOVER_MIRROR|")
        printf 'Types: %s\nSuites: %s\nComponents: main\n%s\n\n' "$type" "$suite" "$where"
    done
}

private_apt_begin() { # the folders that apt asks for, below $work
    mkdir -p "$work/parts" "$work/none" "$work/lists/partial" "$work/state" "$work/cache/archives/partial"
    : >"$work/status"
}

private_apt() {
    apt-get -q -y -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts" \
        -o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o Dir::State::status="$work/status" -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts="$work/none" -o APT::Sandbox::User= -o Debug::NoLocking=1 \
        -o APT::Install-Recommends=no -o Acquire::Retries=3 -o Acquire::Languages=none "$@"
}
