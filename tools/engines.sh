#!/bin/sh
# tools/engines.sh [NAME...]: unpacks server engines from Debian's archive into .cache/engines/NAME,
# without root, without installing anything and without starting a service. Names:
#   redis-7.0   redis-server, redis-cli      (bookworm)
#   valkey-8.0  valkey-server, valkey-cli    (bookworm-backports)
#   valkey-8.1  valkey-server, valkey-cli    (trixie)
# Without a name: redis-7.0 and valkey-8.0. Use: .cache/engines/NAME/bin/PROGRAM. Each engine brings
# its own C library, so that one from another suite runs here too. What is there is kept; remove
# .cache/engines/NAME to fetch it again. Exit 0 all there, 1 the archive did not answer, 2 usage.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
store=$top/.cache/engines
[ $# -gt 0 ] || set -- redis-7.0 valkey-8.0

fail() {
    echo "error: $1" >&2
    [ -z "${2-}" ] || echo "  do: $2" >&2
    exit 1
}

# The machine's own Debian mirror, asked for the suites given; both forms of apt's source lists.
# security suites live on another path of the mirror and are left out.
sources() {
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v code="$codename" -v suites="$*" 'BEGIN { RS = ""; FS = "\n" }
            !/security/ && $0 ~ "Suites:[^\n]*[ \t]" code "([ \t\n]|$)" && !/Enabled:[ \t]*no/ {
                for (i = 1; i <= NF; i++)
                    if ($i ~ /^Suites:/) print "Suites: " suites
                    else if ($i ~ /^Components:/) print "Components: main"
                    else if ($i !~ /^#/) print $i
                print ""; exit }' "$file"
    done >"$work/parts/archive.sources"
    [ -s "$work/parts/archive.sources" ] && return
    rm -f "$work/parts/archive.sources"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        awk -v code="$codename" -v suites="$*" '$1 == "deb" && !/security/ {
            at = 2; options = ""
            if ($2 ~ /^\[/) { for (at = 2; at < NF; at++) { options = options " " $at; if ($at ~ /\]$/) { at++; break } } }
            if ($(at + 1) != code) next
            n = split(suites, name, " ")
            for (i = 1; i <= n; i++) print "deb" options " " $at " " name[i] " main"
            exit }' >"$work/parts/archive.list"
    [ -s "$work/parts/archive.list" ] ||
        fail "no Debian mirror for '$codename' in the apt sources of this machine" \
            "add one, or put the programs into $store/NAME/bin yourself"
}

private_apt() {
    apt-get -q -y -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts" \
        -o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o Dir::State::status="$work/status" -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts="$work/none" -o APT::Sandbox::User= -o Debug::NoLocking=1 \
        -o APT::Install-Recommends=no -o Acquire::Retries=3 -o Acquire::Languages=none "$@"
}

wrapper() { # wrapper PROGRAM: a script of that name that runs it with the C library beside it
    cat >"$made/bin/$1" <<END
#!/bin/sh
root=\${0%/*}/../root
exec "\$root/$loader" --library-path "$paths" --argv0 "$1" "\$root/usr/bin/$1" "\$@"
END
    chmod 755 "$made/bin/$1"
}

fetch() { # fetch NAME PACKAGE SUITE...: PACKAGE from the last suite, its libraries from any of them
    name=$1 package=$2
    shift 2
    for suite; do :; done
    work=$store/.$name.$$
    made=$work/made
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$work/parts" "$work/none" "$work/lists/partial" "$work/state" \
        "$work/cache/archives/partial" "$made/root" "$made/bin"
    : >"$work/status"
    sources "$@"
    private_apt update >"$work/log" 2>&1 ||
        { tail -n 8 "$work/log" >&2; fail "the Debian archive did not answer for '$*'" "try again; see 'apt-get update'"; }
    # The empty status file makes apt fetch every library of the closure, those installed here too.
    private_apt --download-only -t "$suite" install "$package" "${package%-server}-tools" >>"$work/log" 2>&1 ||
        { tail -n 8 "$work/log" >&2; fail "'$package' could not be fetched from '$suite'" "try again; see 'apt-get update'"; }
    version=
    for deb in "$work"/cache/archives/*.deb; do
        dpkg -x "$deb" "$made/root"
        case $deb in
        */"$package"_*) version=$(dpkg-deb -f "$deb" Version) ;;
        esac
    done
    # Only programs of the engine and shared libraries are kept.
    find "$made/root/usr/bin" -mindepth 1 ! -name 'redis-*' ! -name 'valkey-*' -delete
    find "$made/root" -type f ! -name '*.so*' ! -path '*/usr/bin/*' -delete
    loader=$(cd "$made/root" && find . -name 'ld-linux*.so.*' -path './*lib/*-linux-gnu/*' | head -n 1)
    [ -n "$loader" ] || fail "no program loader came with '$package'"
    loader=${loader#./}
    paths=$(cd "$made/root" && find lib usr/lib -maxdepth 1 -name '*-linux-gnu' -printf '$root/%p\n' 2>/dev/null | paste -sd:)
    for program in "$made"/root/usr/bin/*; do
        wrapper "${program##*/}"
    done
    "$made/bin/$package" --version >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "'$package' $version does not run here"; }
    echo "$version" >"$made/version"
    rm -rf "$store/${name:?}"
    mv "$made" "$store/$name" 2>/dev/null || [ -x "$store/$name/bin/$package" ] # another run was first
    rm -rf "$work"
    trap - EXIT INT TERM
    echo "engines: $name is $package $version ($suite)"
}

mkdir -p "$store"
for name in "$@"; do
    [ ! -s "$store/$name/version" ] || continue
    case $name in
    redis-7.0) fetch "$name" redis-server bookworm ;;
    valkey-8.0) fetch "$name" valkey-server bookworm bookworm-backports ;;
    valkey-8.1) fetch "$name" valkey-server trixie ;;
    *)
        echo "error: no engine is called '$name' (there are redis-7.0, valkey-8.0, valkey-8.1)" >&2
        exit 2
        ;;
    esac
done
