"""The packages where they are meant to run: small Debian trees of three releases, entered with chroot.

`make packages` makes the tarball and the .deb and runs this, as root. The program that every helper of the
integration tests calls is here the one inside the tree; servers and files are outside.
"""

import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import reader  # noqa: E402
import test_rdb  # noqa: E402
import tool  # noqa: E402
from certificates import Authority  # noqa: E402
from fill import fill  # noqa: E402
from servers import ROOT, Server, free_port  # noqa: E402
from test_tls import Secured  # noqa: E402

TREES = ROOT / ".cache" / "trees"
RELEASES = {"bullseye": "2.31", "bookworm": "2.36", "trixie": "2.41"}  # and their glibc
OTHER_BUNDLE = "etc/pki/tls/certs/ca-bundle.crt"


def run(*command, code=0):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def inside(tree, *command, code=0):
    return run(ROOT / "tools" / "tree.sh", "run", tree, *command, code=code)


def made(pattern):
    found = sorted((ROOT / "build").glob(pattern), key=lambda p: p.stat().st_mtime)
    assert found, f"build/{pattern} is missing; run: make packages"
    return found[-1]


def tree_of(release):
    run(ROOT / "tools" / "tree.sh", "make", TREES / release, release)
    return TREES / release


def program_in(tree, path, directory):
    """A program out here that is the one at `path` in there."""
    script = directory / "handover"
    script.write_text(f'#!/bin/sh\nexec "{ROOT}/tools/tree.sh" run "{tree}" {path} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(params=RELEASES)
def unpacked(request, tmp_path, monkeypatch):
    """The tarball unpacked into /usr/local of a release, as docs/packages.md says; the helpers call it."""
    tree = tree_of(request.param)
    run("rm", "-rf", tree / "usr/local", tree / OTHER_BUNDLE)
    (tree / "usr/local").mkdir()
    run("tar", "-xzf", made("handover-*-linux-x86_64.tar.gz"), "-C", tree / "usr/local", "--strip-components=1")
    monkeypatch.setattr(tool, "BIN", program_in(tree, "/usr/local/bin/handover", tmp_path))
    return tree


@pytest.fixture
def secured(tmp_path):
    """Two servers that speak TLS to handover, and the authority that signed them."""
    authority = Authority(tmp_path)
    signed = authority.sign("server")
    sides = []
    for engine in ("redis-7.0", "valkey-8.0"):
        port = free_port()
        one = Server(engine, password="a-password", options={
            "tls-port": port, "tls-cert-file": signed.cert, "tls-key-file": signed.key,
            "tls-ca-cert-file": authority.cert, "tls-auth-clients": "no"})
        one.start()
        sides.append(Secured(one, port))
    yield authority, sides
    for one in sides:
        one.server.close()


def test_the_program_needs_nothing_but_an_old_glibc(tmp_path):
    run("tar", "-xzf", made("handover-*-linux-x86_64.tar.gz"), "-C", tmp_path, "--strip-components=1")
    program = tmp_path / "bin" / "handover"
    needed = set(re.findall(r"NEEDED.*\[(.+?)\]", run("readelf", "-dW", program)))
    assert needed <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}
    versions = {tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([0-9.]+)", run("objdump", "-T", program))}
    assert max(versions) <= (2, 31), max(versions)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert files >= {"share/man/man1/handover.1", "share/bash-completion/completions/handover",
                     "share/zsh/site-functions/_handover", "lib/systemd/system/handover@.service",
                     "share/doc/handover/LICENSE", "share/doc/handover/libraries/README",
                     "share/doc/handover/libraries/openssl"}
    assert "ExecStart=/usr/local/bin/handover " in (tmp_path / "lib/systemd/system/handover@.service").read_text()


def test_the_tarball_says_its_version_and_reads_files_in_each_release(unpacked):
    assert RELEASES[unpacked.name] in inside(unpacked, "/usr/bin/ldd", "--version").splitlines()[0]
    done = tool.handover("--version")
    assert done.returncode == tool.DONE, done.stderr
    assert done.stdout == run(ROOT / "build" / "handover", "--version")
    for engine in ("redis-7.0", "valkey-9.1"):
        done = tool.handover("rdb", "info", test_rdb.GOLDEN / f"{engine}.rdb")
        assert done.returncode == tool.DONE and "RDB version" in done.stdout, done.stderr
        test_rdb.test_every_value_is_written_as_the_engine_itself_answers_it(engine)


def test_the_tarball_moves_over_tls_in_each_release(unpacked, secured):
    authority, (source, target) = secured
    fill(source.server, 5_000)
    options = ["--source-ca", authority.cert, "--target-ca", authority.cert]
    with tool.Migration(source, target, options) as move:
        move.start()
        move.wait_caught_up()
        found = reader.compare(source.server, target.server, held_allowed=True)
        assert found == [], reader.show(found)
        code, _, done = tool.verify(source, target, "--workdir", move.workdir, *options)
        assert code == tool.DONE, done.stderr
        done = move.command("cutover")
        assert done.returncode == tool.DONE, done.stderr
        assert move.wait_exit() == tool.DONE, move.log()


def test_the_tarball_trusts_what_the_system_trusts(unpacked, secured, monkeypatch):
    """Debian's folder of certificates and the one file of Red Hat's family; without either nobody is trusted."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    authority, (source, _) = secured
    words = ("audit", "--source", source.url)
    done = tool.handover(*words, source=source)
    assert done.returncode == tool.SOURCE and "certificate" in done.stderr, done.stderr
    bundle = unpacked / OTHER_BUNDLE
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(authority.cert.read_bytes())
    done = tool.handover(*words, source=source)
    assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
    bundle.unlink()
    folder = unpacked / "etc/ssl/certs"
    folder.mkdir(parents=True, exist_ok=True)
    name = run("openssl", "x509", "-hash", "-noout", "-in", authority.cert).strip() + ".0"
    try:
        (folder / name).write_bytes(authority.cert.read_bytes())
        done = tool.handover(*words, source=source)
        assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
    finally:
        (folder / name).unlink()


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_the_deb_installs_starts_no_service_and_goes_without_a_trace(release, tmp_path, monkeypatch):
    tree = tree_of(release)
    inside(tree, "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c",
           f"apt-get -q update && apt-get -q -y --no-install-recommends install {made('handover_*.deb')}")
    try:
        monkeypatch.setattr(tool, "BIN", program_in(tree, "/usr/bin/handover", tmp_path))
        assert tool.handover("--version").stdout == run(ROOT / "build" / "handover", "--version")
        test_rdb.test_every_value_is_written_as_the_engine_itself_answers_it("redis-7.0")
        listed = inside(tree, "/usr/bin/dpkg", "-L", "handover").split()
        for path in ("/usr/share/man/man1/handover.1.gz", "/usr/share/bash-completion/completions/handover",
                     "/usr/share/zsh/vendor-completions/_handover", "/usr/lib/systemd/system/handover@.service"):
            assert path in listed and (tree / path[1:]).is_file()
        assert inside(tree, "/usr/bin/dpkg", "--verify", "handover") == ""
        units = tree / "etc/systemd/system"
        assert not units.exists() or not [p for p in units.rglob("handover*")]
    finally:
        inside(tree, "/usr/bin/dpkg", "--purge", "handover")
    left = [p for p in listed if (tree / p[1:]).is_file()]
    assert left == []


@pytest.fixture
def buildah(tmp_path):
    """buildah(...) with images of its own; nothing is pulled from elsewhere, nothing is kept."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    store = ["--root", tmp_path / "images", "--runroot", tmp_path / "running", "--storage-driver", "vfs"]
    yield lambda command, *more: run("buildah", *store, command, *more)
    run("rm", "-rf", tmp_path / "images", tmp_path / "running")


def test_the_containerfile_builds_an_image_whose_user_has_no_rights(buildah, tmp_path):
    """The base image is a tree from Debian's archive under the name of Debian's own image."""
    policy = ["--signature-policy", tmp_path / "policy.json"]
    run("tar", "--exclude=./proc/*", "--exclude=./dev/*", "--exclude=./usr/local/*", "-C", tree_of("bookworm"), "-cf", tmp_path / "base.tar", ".")
    base = buildah("from", "scratch").strip()
    buildah("add", "-q", base, tmp_path / "base.tar", "/")
    buildah("commit", "-q", *policy, base, "docker.io/library/debian:bookworm-slim")
    run("git", "clone", "-q", ROOT, tmp_path / "source")
    buildah("bud", "--isolation", "chroot", "--pull-never", *policy, "-t", "handover", "-f", tmp_path / "source/Containerfile",
            tmp_path / "source")
    image = buildah("from", "--pull-never", *policy, "localhost/handover").strip()
    inside_it = ("run", "--isolation", "chroot", image, "--")
    assert buildah(*inside_it, "handover", "--version").startswith("handover ")
    assert buildah(*inside_it, "sh", "-c", "id -u; pwd; touch /moves/file && rm /moves/file && echo written").split() == \
        ["10001", "/moves", "written"]
    assert "refused" in buildah(*inside_it, "sh", "-c", "touch /usr/bin/file 2>/dev/null || echo refused")
    assert "[handover]" in buildah("inspect", "--format", "{{.OCIv1.Config.Entrypoint}}", image)


def test_nothing_stays_mounted():
    assert not [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(TREES) in line]
