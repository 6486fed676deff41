#!/bin/sh
# tools/deb.sh: makes build/handover_VERSION_ARCH.deb from build/handover. Two runs over the same
# commit give the same bytes (tools/package.sh says how).
set -eu
cd "$(dirname "$0")/.."
. tools/package.sh
program=build/handover
version=$(version_of "$program")
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/handover
mkdir -p "$work/debian" "$root/DEBIAN"

lay "$program" "$root/usr" vendor-completions
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/handover"
put 644 CHANGELOG.md "$doc/CHANGELOG.md"
put_text "$doc/changelog" <<END
handover ($version) unstable; urgency=medium

  * What is new for users stands in CHANGELOG.md.

 -- the authors of handover <handover@example.invalid>  $(date -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n "$doc/changelog" "$root/usr/share/man/man1/handover.1"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
    printf 'Files: *\nCopyright: 2026 the authors of handover\nLicense: Apache-2.0\n\n'
    printf 'License: Apache-2.0\n On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0\n'
} | put_text "$doc/copyright"

# The packages whose libraries the program needs, with their versions.
printf 'Source: handover\n\nPackage: handover\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/handover" 2>/dev/null | sed 's/^shlibs:Depends=//')
# As dpkg-gencontrol counts: files in whole KiB, everything else one.
installed=$(find "$root/usr" -printf '%y %s\n' | awk '{ kib += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print kib }')
put_text "$root/DEBIAN/control" <<END
Package: handover
Version: $version
Architecture: $arch
Maintainer: the authors of handover <handover@example.invalid>
Installed-Size: $installed
Depends: $depends
Section: database
Priority: optional
Description: move a Redis or Valkey server to AWS ElastiCache
 handover audits, copies, follows, verifies and cuts over a self-managed
 Redis or Valkey, under live traffic, and takes back what it changed.
END
(cd "$root" && find usr -type f | sort | xargs md5sum) | put_text "$root/DEBIAN/md5sums"
set_times "$root"
dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$root" "build/handover_${version}_${arch}.deb" >/dev/null
echo "deb: build/handover_${version}_${arch}.deb"
