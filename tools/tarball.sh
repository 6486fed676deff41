#!/bin/sh
# tools/tarball.sh: makes build/handover-VERSION-linux-x86_64.tar.gz from the last commit: one program
# that starts on every x86-64 Linux with glibc 2.31 or newer. It is built in a Debian bullseye tree
# (tools/tree.sh), and brings along the libraries that differ between systems: built there from the
# sources of Debian bookworm with its security updates (tools/libraries.sh). Needs root for the
# tree. HANDOVER_TREES is the folder of the trees (.cache/trees); HANDOVER_OUT where the result goes (build).
set -eu
cd "$(dirname "$0")/.."
top=$PWD
. tools/package.sh
. tools/archive.sh
trees=${HANDOVER_TREES:-$top/.cache/trees}
out=${HANDOVER_OUT:-build}
tree=$trees/build
program=$tree/build/handover/made/handover

# What meson.build asks of pkg-config, and Debian's source of it. A library is built only when asked for.
table='
libuv         libuv1
openssl       openssl
jansson       jansson
sqlite3       sqlite3
libisal       libisal
libxxhash     xxhash
yaml-0.1      libyaml
libmicrohttpd libmicrohttpd
expat         expat
libcurl       curl
'
names=$(echo "$table" | while read -r module source; do
    [ -z "$module" ] || ! grep -q "'$module'" meson.build || echo "$source"
done)

[ "$(uname -m)" = x86_64 ] || fail "this makes a program for x86-64, on x86-64" "use such a machine"
[ -z "$(git status --porcelain -uno)" ] || echo "warn: changes that are not committed are left out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

"$top/tools/tree.sh" make "$tree" bullseye gcc libc6-dev make ninja-build pkg-config perl python3 python3-distutils \
    cmake nasm tcl autoconf automake libtool libcmocka-dev

# The newest source that the archive has whole; offline, or when none answers, the one kept from before.
# A security update may have its source later than its packages.
sources=$trees/sources
fetch() { # fetch NAME: leaves $sources/NAME.VERSION; prints the version
    mkdir -p "$work/$1"
    (cd "$work/$1" && for form in "$1" "$1/bookworm"; do
        ! private_apt source --download-only "$form" >>"$work/log" 2>&1 || exit 0
        rm -rf ./*
    done) || true
    dsc=$(find "$work/$1" -name '*.dsc')
    if [ -n "$dsc" ]; then
        version=$(sed -n 's/^Version: //p' "$dsc" | head -n 1)
        if [ ! -d "$sources/$1/$version" ]; then
            mkdir -p "$sources/$1"
            dpkg-source -x "$dsc" "$work/$1/whole" >>"$work/log" 2>&1 || fail "the source of '$1' could not be unpacked" "$(tail -n 1 "$work/log")"
            mv "$work/$1/whole" "$sources/$1/$version"
        fi
    else
        version=$(ls -t "$sources/$1" 2>/dev/null | head -n 1)
        [ -n "$version" ] || { tail -n 8 "$work/log" >&2; fail "the Debian archive gave no source of '$1'" "try again; see 'apt-get update'"; }
        echo "warn: the archive gave no source of '$1'; $version is taken, kept from before" >&2
    fi
    echo "$version"
}
private_apt_begin
archive_sources deb-src bookworm bookworm-security >"$work/parts/archive.sources"
private_apt update >"$work/log" 2>&1 || echo "warn: the Debian archive did not answer" >&2
rm -rf "$tree/build/sources"
mkdir -p "$tree/build/sources"
for name in $names; do
    version=$(fetch "$name")
    cp -a "$sources/$name/$version" "$tree/build/sources/$name"
    echo "$name $version"
done >"$work/versions"
cp "$work/versions" "$tree/build/versions"
# Meson of that release is too old; bookworm's is Python and runs there.
archive_sources deb bookworm >"$work/parts/archive.sources"
private_apt update >>"$work/log" 2>&1 && (cd "$work" && private_apt download meson >>"$work/log" 2>&1) && dpkg -x "$work"/meson_*.deb "$tree"
[ -x "$tree/usr/bin/meson" ] || fail "meson could not be fetched" "$(tail -n 1 "$work/log")"

cp tools/libraries.sh "$tree/build/"
"$top/tools/tree.sh" run "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" sh /build/libraries.sh $names

# Warnings are judged by the compilers of the other builds; gcc 10 has false alarms of its own.
rm -rf "$tree/build/handover"
mkdir -p "$tree/build/handover"
git archive HEAD | tar -x -C "$tree/build/handover"
"$top/tools/tree.sh" run "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" PKG_CONFIG_PATH=/deps/lib/pkgconfig sh -c '
    cd /build/handover
    meson setup made -Dprefer_static=true -Dwerror=false && ninja -C made handover &&
        strip --strip-unneeded made/handover' >"$work/log" 2>&1 ||
    { tail -n 25 "$work/log" >&2; fail "the program could not be built in the tree" "the lines above say why"; }

version=$(version_of "$program")
name=handover-$version-linux-x86_64
root=$work/root/$name
(
    cd "$tree/build/handover"
    lay "$program" "$root" site-functions
    sed -i 's|/usr/bin/handover|/usr/local/bin/handover|' "$root/lib/systemd/system/handover@.service"
    for file in LICENSE README.md CHANGELOG.md; do put 644 "$file" "$root/share/doc/handover/$file"; done
)
{
    echo "The program holds these libraries, built from Debian's sources in these versions. Their licences"
    echo "stand beside this file. 'make tarball' of the program's source builds it anew, also with others."
    echo
    cat "$work/versions"
} | put_text "$root/share/doc/handover/libraries/README"
for one in $names; do
    put 644 "$tree/build/sources/$one/debian/copyright" "$root/share/doc/handover/libraries/$one"
done
mkdir -p "$out"
tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work/root" -c "$name" |
    gzip -9n >"$out/$name.tar.gz"
echo "tarball: ${out#"$top"/}/$name.tar.gz"
