# tools/package.sh: sourced by the scripts that make packages. What every package holds, and the rules
# that give the same bytes for the same commit: times come from the commit, names are sorted, modes
# are given, nothing depends on the language, the zone or the umask of whoever calls.
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

put() { # put MODE SOURCE TARGET: a file into the package
    install -D -m "$1" "$2" "$3"
}
put_text() { # put_text TARGET: standard input
    mkdir -p "${1%/*}"
    cat >"$1"
    chmod 644 "$1"
}

version_of() { # version_of PROGRAM
    "$1" version | sed -n 's/^handover //p'
}

# lay PROGRAM ROOT ZSH: everything that a package installs below ROOT, which stands for /usr or
# /usr/local; ZSH is the folder of zsh's completions.
lay() {
    put 755 "$1" "$2/bin/handover"
    put 644 docs/handover.1 "$2/share/man/man1/handover.1"
    "$1" completion bash | put_text "$2/share/bash-completion/completions/handover"
    "$1" completion zsh | put_text "$2/share/zsh/$3/_handover"
    put 644 packaging/handover@.service "$2/lib/systemd/system/handover@.service"
    for page in docs/*.md; do put 644 "$page" "$2/share/doc/handover/${page##*/}"; done
    put 644 packaging/grafana/handover.json "$2/share/handover/grafana/handover.json"
}

set_times() { # set_times ROOT: of the commit, for all files and folders
    find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
