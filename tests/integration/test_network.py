"""`audit network` tells every way apart in which a target cannot be reached, on a network made for it."""

import json
import os
import pathlib

import jsonschema
import pytest

import tool
from certificates import Authority
from networks import FAR, FAR_PUBLIC, NO_ROUTE, NO_ROUTE_PUBLIC, SERVER, Wire
from servers import ROOT, engine_program

NAMES = {"cache.example": SERVER, "outside.example": NO_ROUTE, "alias.example": SERVER}
PLAIN, DROPPED, SECRET, TLS, EXPIRED, OLD, CLUSTER, FULL, CLIENTS, REFUSED = range(6401, 6411)


class Rig:
    """The hosts, and every kind of server a client can be wrong about."""

    def __init__(self, wire, directory):
        self.wire, self.directory = wire, pathlib.Path(directory)
        self.ca = Authority(self.directory)
        named, over = self.ca.sign("named", ["DNS:cache.example"]), self.ca.sign("over", ["DNS:cache.example"], days=-1)
        self.serve(PLAIN, user=["app on >app-pw ~* &* +@all -ping", "reader on >reader-pw ~app:* &* +ping +info +exists"])
        self.serve(SECRET, requirepass="right")
        self.serve(TLS, certificate=named)
        self.serve(EXPIRED, certificate=over)
        self.serve(CLIENTS, certificate=named, tls_auth_clients="yes")
        self.serve(CLUSTER, engine="valkey-8.0", cluster_enabled="yes")
        self.serve(FULL, maxclients=1)
        wire.server.start("openssl", "s_server", "-accept", f"{SERVER}:{OLD}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
                          "-cert", named.cert, "-key", named.key, "-quiet")
        wire.server.do(f"nft add table ip t; nft 'add chain ip t in {{ type filter hook input priority 0; }}'; "
                       f"nft add rule ip t in tcp dport {DROPPED} drop")
        for port in (PLAIN, SECRET, TLS, EXPIRED, OLD, CLUSTER, FULL, CLIENTS):
            wire.wait_port(port)
        holder = wire.client.start("bash", "-c", f"exec 3<>/dev/tcp/{SERVER}/{FULL}; echo PING >&3; read -r line <&3; exec cat")
        assert holder.poll() is None

    def serve(self, port, engine="redis-7.0", certificate=None, tls_auth_clients="no", user=(), **options):
        home = self.directory / str(port)
        home.mkdir()
        lines = [f"bind {SERVER}", "protected-mode no", 'save ""', f"dir {home}", f"{'tls-port' if certificate else 'port'} {port}"]
        if certificate:
            lines += ["port 0", f"tls-cert-file {certificate.cert}", f"tls-key-file {certificate.key}",
                      f"tls-ca-cert-file {self.ca.cert}", f"tls-auth-clients {tls_auth_clients}"]
        lines += [f"user {one}" for one in user] + [f"{name.replace('_', '-')} {value}" for name, value in options.items()]
        (home / "server.conf").write_text("\n".join(lines) + "\n")
        with open(home / "log", "wb") as log:
            self.wire.server.start(engine_program(engine), home / "server.conf", log=log)

    def audit(self, target, *options, password=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
        if password:
            env["HANDOVER_TARGET_PASSWORD"] = password
        return self.wire.client.run([tool.BIN, "audit", "network", "--target", target, "--timeout", "1s", *options], env=env)


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Wire(NAMES) as wire:
        yield Rig(wire, tmp_path_factory.mktemp("rig"))


def findings(done):
    return {f["id"]: f for f in json.loads(done.stdout)["findings"]}


def steps(done):
    section = next(s for s in json.loads(done.stdout)["sections"] if s["id"] == "steps")
    table = next(p for p in section["parts"] if p["kind"] == "table")
    return {row[0]: row[1] for row in table["rows"]}


CA = "CA"  # stands for the rig's
CASES = [
    # target, options, password, the cause, the step that fails
    ("nowhere.example", [], None, "name-unknown", "name"),
    ("silent.example", [], None, "name-silent", "name"),
    (f"{NO_ROUTE}:6379", [], None, "address-outside-vpc", "address"),
    ("outside.example", [], None, "address-outside-vpc", "address"),
    (f"{NO_ROUTE_PUBLIC}:6379", [], None, "address-no-route", "address"),
    (f"{SERVER}:{DROPPED}", [], None, "tcp-silent-near", "TCP"),
    (f"{FAR}:6379", [], None, "tcp-silent-far", "TCP"),
    (f"{FAR_PUBLIC}:6379", [], None, "tcp-silent", "TCP"),
    (f"{SERVER}:{REFUSED}", [], None, "tcp-refused", "TCP"),
    (f"redis://cache.example:{TLS}", [], None, "tls-wanted", "TLS"),
    (f"rediss://cache.example:{PLAIN}", [], None, "tls-none", "TLS"),
    (f"rediss://cache.example:{OLD}", ["--target-ca", CA], None, "tls-old", "TLS"),
    (f"rediss://alias.example:{TLS}", ["--target-ca", CA], None, "tls-name", "TLS"),
    (f"rediss://{SERVER}:{TLS}", ["--target-ca", CA], None, "tls-name", "TLS"),
    (f"rediss://cache.example:{EXPIRED}", ["--target-ca", CA], None, "tls-expired", "TLS"),
    (f"rediss://cache.example:{TLS}", [], None, "tls-untrusted", "TLS"),
    (f"rediss://cache.example:{CLIENTS}", ["--target-ca", CA], None, "tls-client-certificate", "TLS"),
    (f"cache.example:{SECRET}", [], None, "auth-missing", "AUTH"),
    (f"cache.example:{SECRET}", [], "wrong", "auth-wrong", "AUTH"),
    (f"redis://nobody@cache.example:{PLAIN}", [], "wrong", "auth-wrong", "AUTH"),
    (f"cache.example:{PLAIN}", [], "any", "auth-unwanted", "AUTH"),
    (f"redis://app@cache.example:{PLAIN}", [], "app-pw", "noperm", "PING"),
    (f"cache.example:{CLUSTER}", [], None, "cluster-mode", "use"),
    (f"cache.example:{FULL}", [], None, "maxclients", "PING"),
]


@pytest.mark.parametrize("target, options, password, cause, step", CASES, ids=[f"{c[3]}-{n}" for n, c in enumerate(CASES)])
def test_each_way_to_fail_is_told_with_its_cause(rig, target, options, password, cause, step):
    options = [rig.ca.cert if o == CA else o for o in options]
    done = rig.audit(target, "--json", *options, password=password)
    assert done.returncode == tool.FINDINGS, done.stdout + done.stderr
    found = findings(done)
    assert [i for i, f in found.items() if f["severity"] == "block"] == [f"network-{cause}"], found
    failed = [name for name, result in steps(done).items() if result == "FAILED"]
    assert failed == [step], steps(done)
    text = rig.audit(target, *options, password=password)
    assert text.returncode == tool.FINDINGS and f"network-{cause}" in text.stdout
    assert "likely on ElastiCache" in text.stdout


@pytest.mark.parametrize("target, options, password", [
    (f"cache.example:{PLAIN}", [], None), (f"redis://{SERVER}:{PLAIN}", [], None), (f"cache.example:{SECRET}", [], "right"),
    (f"rediss://cache.example:{TLS}", ["--target-ca", CA], None), (f"cache.example:{TLS}", ["--target-ca", CA], None),
    (f"rediss://{SERVER}:{TLS}", ["--target-ca", CA, "--target-tls-name", "cache.example"], None),
    (f"redis://reader@cache.example:{PLAIN}", [], "reader-pw"),  # may not look at our key: no reason to fail
])
def test_what_can_be_reached_ends_with_0(rig, target, options, password):
    done = rig.audit(target, "--json", *[rig.ca.cert if o == CA else o for o in options], password=password)
    assert done.returncode == tool.DONE, done.stdout + done.stderr
    assert "FAILED" not in steps(done).values() and findings(done) == {}


def test_the_report_names_version_chain_and_names_of_the_certificate(rig):
    done = rig.audit(f"rediss://cache.example:{TLS}", "--target-ca", rig.ca.cert, "--md")
    assert done.returncode == tool.DONE, done.stderr
    for words in ("TLSv1.3", "CN = named", "cache.example", "handover test CA", "2 in the chain"):
        assert words in done.stdout, done.stdout


def test_the_page_and_the_schema_hold(rig, tmp_path):

    page = tmp_path / "network.html"
    done = rig.audit(f"cache.example:{REFUSED}", "--json", "--html", page)
    schema = json.loads((ROOT / "docs" / "schema" / "report.schema.json").read_text())
    jsonschema.validate(json.loads(done.stdout), schema)
    assert "network-tcp-refused" in page.read_text()


def test_no_password_is_in_the_report(rig):
    for form in ("--json", "--md"):
        done = rig.audit(f"cache.example:{SECRET}", form, password="s3cr3t-w0rd")
        assert "s3cr3t-w0rd" not in done.stdout + done.stderr
    done = rig.audit(f"redis://:s3cr3t-w0rd@cache.example:{SECRET}")
    assert done.returncode == tool.USAGE and "s3cr3t-w0rd" not in done.stdout + done.stderr
