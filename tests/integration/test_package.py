"""The Debian package: made twice alike, complete, and what is in it works."""

import hashlib
import os
import re
import subprocess

import pytest

from servers import ROOT
import tool


# How two people may differ who build the same commit.
HABITS = ({"LC_ALL": "C", "TZ": "UTC"}, 0o022), ({"LC_ALL": "C.UTF-8", "TZ": "Asia/Taipei"}, 0o077)
# Moved into libc.so.6 by glibc 2.33 and 2.34; an older one has them in libpthread or as inline functions.
MOVED = re.compile(r"pthread_\w+|sem_\w+|dl\w+|f?l?stat(at)?(64)?|__libc_start_main")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package of the release build and the folder it unpacks into."""
    sums = set()
    for habits, mask in HABITS:
        done = subprocess.run([ROOT / "tools" / "deb.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, **habits), umask=mask)
        assert done.returncode == 0, done.stderr
        path = ROOT / done.stdout.split()[-1]
        sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(sums) == 1, "two runs made different packages"
    root = tmp_path_factory.mktemp("package")
    subprocess.run(["dpkg-deb", "-x", path, root], check=True)
    return path, root


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def complete(script, *words):
    """What bash would offer behind these words; the last is the one being typed."""
    line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _handover; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", line, "bash", script, *words], stdout=subprocess.PIPE, text=True, check=True,
                          cwd="/")
    return done.stdout.split()


def test_the_package_names_its_libraries_and_holds_program_manual_completion_and_unit(package):
    path, root = package
    control = subprocess.run(["dpkg-deb", "-f", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in ("libuv1", "libssl3", "libsqlite3-0"):
        assert library in control
    assert subprocess.run(["dpkg-deb", "--ctrl-tarfile", path], stdout=subprocess.PIPE, check=True).stdout.find(b"postinst") < 0
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    assert files >= {"usr/bin/handover", "usr/share/man/man1/handover.1.gz", "usr/lib/systemd/system/handover@.service",
                     "usr/share/bash-completion/completions/handover", "usr/share/zsh/vendor-completions/_handover",
                     "usr/share/doc/handover/copyright"}
    done = subprocess.run([root / "usr/bin/handover", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.startswith("handover ")


def test_bash_completes_commands_options_choices_and_files(package):
    script = package[1] / "usr/share/bash-completion/completions/handover"
    assert complete(script, "handover", "mig") == ["migrate"]
    assert complete(script, "handover", "migrate", "cu") == ["cutover"]
    assert "--workdir" in complete(script, "handover", "migrate", "run", "--w")
    assert complete(script, "handover", "migrate", "run", "--cutover", "") == ["auto", "manual"]
    assert complete(script, "handover", "rdb", "info", "et") == ["etc"]
    assert complete(script, "handover", "migrate", "run", "--source", "") == []


def test_zsh_reads_its_completion(package):
    script = package[1] / "usr/share/zsh/vendor-completions/_handover"
    subprocess.run(["zsh", "-n", script], check=True)


def test_an_unknown_shell_is_a_usage_error():
    done = tool.handover("completion", "fish")
    assert done.returncode == tool.USAGE and "bash or zsh" in done.stderr


def test_the_unit_restarts_only_what_can_go_on(package):
    unit = (package[1] / "usr/lib/systemd/system/handover@.service").read_text()
    assert f"RestartForceExitStatus={tool.INTERRUPTED}\n" in unit
    assert f"RestartPreventExitStatus={tool.FINDINGS} {tool.USAGE} {tool.SOURCE} {tool.TARGET} {tool.AWS} {tool.BUG}\n" in unit


def test_each_library_of_the_program_is_one_that_the_tarball_brings_along():
    """What is added to meson.build has its row in tools/tarball.sh and its recipe in tools/libraries.sh."""
    asked = set(re.findall(r"\['([^']+)', 'lib\w+[^']*-dev'", (ROOT / "meson.build").read_text())) - {"cmocka"}
    table = (ROOT / "tools" / "tarball.sh").read_text().split("table='")[1].split("'")[0]
    rows = dict(line.split() for line in table.strip().splitlines())
    recipes = set(re.findall(r"^build_(\w+)\(\)", (ROOT / "tools" / "libraries.sh").read_text(), re.MULTILINE))
    assert len(asked) >= 7 and asked <= set(rows)
    assert set(rows.values()) == recipes
    needed = re.findall(r"NEEDED.*\[(.+?)\.so", output("readelf", "-dW", tool.BIN))
    known = {"libc", "libm", "libuv", "libssl", "libcrypto", "libjansson", "libsqlite3", "libisal", "libxxhash", "libyaml-0",
             "libmicrohttpd", "libexpat", "libcurl"}
    assert set(needed) <= known


def test_the_program_calls_nothing_that_glibc_2_31_lacks():
    """Held against this machine's newer glibc: what came after 2.31 are functions that only moved there."""
    symbols = re.findall(r"\(GLIBC_(\d+)\.(\d+)(?:\.\d+)?\) (\w+)", output("objdump", "-T", tool.BIN))
    assert len(symbols) > 50
    newer = sorted(name for major, minor, name in symbols if (int(major), int(minor)) > (2, 31) and not MOVED.fullmatch(name))
    assert newer == []
