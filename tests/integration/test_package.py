"""The Debian package: made twice alike, complete, and what is in it works."""

import hashlib
import subprocess

import pytest

from servers import ROOT
import tool


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package of the release build and the folder it unpacks into."""
    sums = set()
    for _ in range(2):
        done = subprocess.run([ROOT / "tools" / "deb.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
        path = ROOT / done.stdout.split()[-1]
        sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(sums) == 1, "two runs made different packages"
    root = tmp_path_factory.mktemp("package")
    subprocess.run(["dpkg-deb", "-x", path, root], check=True)
    return path, root


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
    assert files >= {"usr/bin/handover", "usr/share/man/man1/handover.1.gz", "lib/systemd/system/handover@.service",
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
    unit = (package[1] / "lib/systemd/system/handover@.service").read_text()
    assert f"RestartForceExitStatus={tool.INTERRUPTED}\n" in unit
    assert f"RestartPreventExitStatus={tool.FINDINGS} {tool.USAGE} {tool.SOURCE} {tool.TARGET} {tool.AWS} {tool.BUG}\n" in unit
