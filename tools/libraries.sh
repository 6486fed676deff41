#!/bin/sh
# tools/libraries.sh NAME...: builds libraries as archives (.a) into /deps, for a program that brings
# them along. Run by tools/tarball.sh inside the tree of the old release, where /build/sources/NAME
# holds Debian's source and /build/versions its version. What is built in that version is kept.
set -eu
export LC_ALL=C.UTF-8 TZ=UTC
export CFLAGS='-O2 -fPIC -fstack-protector-strong -fstack-clash-protection -fcf-protection'
export CPPFLAGS=-D_FORTIFY_SOURCE=2
export PKG_CONFIG_PATH=/deps/lib/pkgconfig
jobs=$(nproc)
mkdir -p /deps/lib/pkgconfig /deps/include /deps/built

with_cmake() { # with_cmake SOURCE OPTION...
    source=$1
    shift
    cmake -S "$source" -B made -DCMAKE_INSTALL_PREFIX=/deps -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=None \
        -DBUILD_SHARED_LIBS=OFF -DCMAKE_C_FLAGS="$CFLAGS $CPPFLAGS" "$@"
    make -C made -j "$jobs" install
}
with_configure() { # with_configure OPTION...
    [ -x configure ] || autoreconf -fi
    ./configure --prefix=/deps --disable-shared --enable-static "$@"
    make -j "$jobs"
    make install
}

# One function a library: nothing is built that a move does not use.
build_openssl() { # where the certificates are: src/net/tls_context.c knows the other places
    ./Configure linux-x86_64 --prefix=/deps --libdir=lib --openssldir=/etc/ssl no-shared no-tests no-module \
        no-dso no-engine no-legacy no-zlib $CFLAGS $CPPFLAGS
    make -j "$jobs" build_libs
    make install_dev
}
build_sqlite3() {
    ./configure --prefix=/deps --disable-shared --disable-readline --disable-tcl
    make -j "$jobs" libsqlite3.la sqlite3.h sqlite3.pc
    install -m 644 .libs/libsqlite3.a /deps/lib
    install -m 644 sqlite3.h /deps/include
    install -m 644 sqlite3.pc /deps/lib/pkgconfig
}
build_libuv1() {
    with_cmake . -DLIBUV_BUILD_TESTS=OFF
    rm -f /deps/lib/libuv.so*
    mv /deps/lib/libuv_a.a /deps/lib/libuv.a
}
build_jansson() { with_cmake . -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON; }
build_libyaml() { with_configure; }
build_libisal() { with_configure; }
build_xxhash() {
    make libxxhash.a libxxhash.pc
    sed -i 's|^prefix=.*|prefix=/deps|' libxxhash.pc
    install -m 644 libxxhash.a /deps/lib
    install -m 644 xxhash.h xxh3.h /deps/include
    install -m 644 libxxhash.pc /deps/lib/pkgconfig
}
build_libmicrohttpd() { # plain HTTP for the figures, on an address of the user's choice
    with_configure --disable-https --disable-doc --disable-examples --disable-curl --disable-bauth --disable-dauth
}
build_expat() { # cmake of this age writes the macro without the value that the source asks for
    sed -i 's/^#cmakedefine XML_DTD$/#cmakedefine XML_DTD 1/' expat/expat_config.h.cmake
    with_cmake expat -DEXPAT_SHARED_LIBS=OFF -DEXPAT_BUILD_TOOLS=OFF -DEXPAT_BUILD_EXAMPLES=OFF \
        -DEXPAT_BUILD_TESTS=OFF -DEXPAT_BUILD_DOCS=OFF
}
build_curl() { # HTTP and HTTPS only; the certificates as OpenSSL finds them
    ./configure --prefix=/deps --disable-shared --with-openssl=/deps --with-ca-fallback --without-ca-bundle --without-ca-path \
        --without-zlib --without-brotli --without-zstd --without-libpsl --without-libidn2 --without-nghttp2 \
        --without-librtmp --without-libssh2 --disable-ldap --disable-ldaps --disable-rtsp --disable-dict \
        --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb --disable-smtp \
        --disable-gopher --disable-mqtt --disable-ftp --disable-file --disable-manual --disable-ntlm
    make -j "$jobs" -C lib install
    make -C include install
    make install-pkgconfigDATA
}

# A process of its own for each, where a command that fails ends the whole.
if [ "${1-}" = one ]; then
    cd /build/work
    "build_$2"
    exit
fi
# What decides how a library comes out: the flags above, and its own function.
recipe() {
    awk -v start="^build_$1\\(\\)" '/^# One function a library/ { common = 1 } !common || mine
        $0 ~ start { mine = 1; print } mine && /(^|; )}$/ { exit }' "$0" | cksum
}
for name; do
    version=$(awk -v name="$name" '$1 == name { print $2 }' /build/versions)
    recipe=$(recipe "$name")
    [ "$(cat "/deps/built/$name" 2>/dev/null || true)" != "$version $recipe" ] || continue
    echo "libraries: $name $version"
    rm -rf "/deps/built/$name" /build/work
    cp -a "/build/sources/$name" /build/work
    if ! sh "$0" one "$name" >"/build/$name.log" 2>&1; then
        tail -n 25 "/build/$name.log" >&2
        echo "error: '$name' $version could not be built; the whole log is /build/$name.log of the tree" >&2
        exit 1
    fi
    echo "$version $recipe" >"/deps/built/$name"
done
