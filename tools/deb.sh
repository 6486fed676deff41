#!/bin/sh
# tools/deb.sh: makes build/handover_VERSION_ARCH.deb from build/handover. Two runs over the same
# commit give the same bytes: times come from the commit, names are sorted, owners are root.
set -eu
cd "$(dirname "$0")/.."
program=build/handover
version=$("$program" version | sed -n 's/^handover //p')
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$work/debian"

put() { # put MODE SOURCE TARGET: a file into the package
    install -D -m "$1" "$2" "$root$3"
}
packed() { # packed NAME: standard input, compressed without a time or a name
    gzip -9n >"$work/packed"
    put 644 "$work/packed" "$1"
}

put 755 "$program" /usr/bin/handover
strip --strip-unneeded "$root/usr/bin/handover"
packed /usr/share/man/man1/handover.1.gz <docs/handover.1
"$program" completion bash >"$work/completion"
put 644 "$work/completion" /usr/share/bash-completion/completions/handover
"$program" completion zsh >"$work/completion"
put 644 "$work/completion" /usr/share/zsh/vendor-completions/_handover
put 644 packaging/handover@.service /lib/systemd/system/handover@.service
put 644 packaging/grafana/handover.json /usr/share/handover/grafana/handover.json
packed /usr/share/doc/handover/changelog.gz <CHANGELOG.md
for page in docs/*.md; do put 644 "$page" "/usr/share/doc/handover/${page##*/}"; done
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
    printf 'Files: *\nCopyright: the authors of handover\nLicense: Apache-2.0\n\n'
    printf 'License: Apache-2.0\n On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0\n'
} >"$work/copyright"
put 644 "$work/copyright" /usr/share/doc/handover/copyright

# The packages whose libraries the program needs, with their versions.
printf 'Source: handover\n\nPackage: handover\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/handover" 2>/dev/null | sed 's/^shlibs:Depends=//')
mkdir -p "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: handover
Version: $version
Architecture: $arch
Maintainer: the authors of handover <handover@example.invalid>
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
Depends: $depends
Section: database
Priority: optional
Description: move a Redis or Valkey server to AWS ElastiCache
 handover audits, copies, follows, verifies and cuts over a self-managed
 Redis or Valkey, under live traffic, and takes back what it changed.
END
(cd "$root" && find usr lib -type f | LC_ALL=C sort | xargs md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "build/handover_${version}_${arch}.deb" >/dev/null
echo "deb: build/handover_${version}_${arch}.deb"
