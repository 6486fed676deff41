"""Secured links: a whole move over TLS on both sides, and every way a secured link can be refused."""

import dataclasses
import pathlib
import subprocess

import pytest

import reader
import tool
from certificates import Authority
from fill import fill
from servers import die_with_parent, end_group, free_port, wait_until
from workload import Workload


@dataclasses.dataclass
class Secured:
    """A server that speaks plainly to the tests' instruments, and TLS to handover."""
    server: object
    port: int
    host: str = "127.0.0.1"

    @property
    def url(self):
        return f"rediss://{self.host}:{self.port}"

    def __getattr__(self, name):
        return getattr(self.server, name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "another CA")


@pytest.fixture(scope="module")
def good(authority):
    return authority.sign("server")


@pytest.fixture
def secured(server, authority, good):
    """secured(engine, certificate=..., clients="yes") starts a server with a TLS port."""
    def start(engine, certificate=good, clients="no", more=None, **others):
        port = free_port()
        options = {"tls-port": port, "tls-cert-file": certificate.cert, "tls-key-file": certificate.key,
                   "tls-ca-cert-file": authority.cert, "tls-auth-clients": clients, **(more or {})}
        return Secured(server(engine, options=options, **others), port)
    return start


def trusting(authority):
    return ["--source-ca", authority.cert, "--target-ca", authority.cert]


def own(certificate, side):
    return [f"--{side}-cert", certificate.cert, f"--{side}-key", certificate.key]


@pytest.mark.parametrize("clients", ["no", "yes"])
def test_a_whole_move_goes_over_tls_on_both_sides_under_writes(secured, authority, clients):
    ours = authority.sign(f"client-{clients}", names=())
    pair = [secured("redis-7.0", clients=clients, password="source-pw", more={"repl-backlog-size": "256mb"}),
            secured("valkey-8.0", clients=clients, password="target-pw")]
    options = trusting(authority)
    if clients == "yes":
        options += own(ours, "source") + own(ours, "target")
    source, target = pair
    fill(source.server, 10_000, expiring_ms=(500, 30_000))
    with tool.Migration(source, target, options) as move, Workload(source.server, then=target.server, seed=5) as writer:
        move.start()
        move.wait_phase("in-sync")
        writer.wait_writes(2000)
        move.kill()
        move.options = []  # the files are remembered
        move.start()
        report = writer.stop()
        move.wait_caught_up()
        assert report["wrong"] == []
        found = reader.compare(source.server, target.server, held_allowed=True)
        assert found == [], reader.show(found)
        code, equal, done = tool.verify(source, target, "--workdir", move.workdir, *options)
        assert code == tool.DONE, done.stderr
        done = move.command("cutover")
        assert done.returncode == tool.DONE, done.stderr
        assert move.wait_exit() == tool.DONE, move.log()
        names = {c["name"] for c in source.client().client_list()}
        assert not any(n.startswith("handover") for n in names)


def test_no_byte_of_the_data_crosses_the_wire_in_the_clear(secured, authority):
    """Every connection of the move has come in at the TLS port."""
    source = secured("redis-7.0")
    target = secured("valkey-8.0")
    source.client().set("a", "1")
    with tool.Migration(source, target, trusting(authority)) as move:
        move.start()
        move.wait_caught_up()
        for side in (source, target):
            ports = {c["laddr"].rpartition(":")[2] for c in side.client().client_list() if c["name"].startswith("handover")}
            assert ports == {str(side.port)}


def expect(done, code, *words):
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def compare(source, target, *options):
    return tool.handover("verify", "--source", source.url, "--target", target.url, *options,
                         source=source, target=target)


def test_a_ca_that_is_not_trusted_is_named(secured, authority, stranger, server):
    plain = server("valkey-8.0")
    one = secured("redis-7.0")
    expect(compare(one, plain), tool.SOURCE, "signed by 'CN = handover test CA'", "system's list", "--source-ca")
    expect(compare(one, plain, "--source-ca", stranger.cert), tool.SOURCE, "signed by", str(stranger.cert))
    expect(compare(plain, one, "--target-ca", stranger.cert), tool.TARGET, "signed by", "--target-ca")


def test_a_certificate_for_other_names_lists_them(secured, authority, server):
    plain = server("valkey-8.0")
    one = secured("redis-7.0", authority.sign("named", ["DNS:cache.example", "IP:10.9.8.7"]))
    options = ["--source-ca", authority.cert]
    expect(compare(one, plain, *options), tool.SOURCE, "not for '127.0.0.1' but for cache.example, 10.9.8.7", "--source-tls-name")
    expect(compare(one, plain, *options, "--source-tls-name", "cache.example"), tool.DONE)
    expect(compare(one, plain, *options, "--source-tls-name", "10.9.8.7"), tool.DONE)


def test_an_expired_certificate_is_named_with_its_date(secured, authority, server):
    one = secured("redis-7.0", authority.sign("over", days=-1))
    expect(compare(one, server("valkey-8.0"), "--source-ca", authority.cert), tool.SOURCE, "'CN = over' expired on 20")


def test_a_client_certificate_is_asked_for_taken_and_refused(secured, authority, stranger, server):
    plain = server("valkey-8.0")
    for version in ("TLSv1.2", "TLSv1.3"):
        one = secured("redis-7.0", clients="yes", more={"tls-protocols": version})
        options = ["--source-ca", authority.cert]
        expect(compare(one, plain, *options), tool.SOURCE, "wants a client certificate", "--source-cert")
        expect(compare(one, plain, *options, *own(stranger.sign("nobody"), "source")), tool.SOURCE, "refuses our client certificate")
        expect(compare(one, plain, *options, *own(authority.sign("somebody"), "source")), tool.DONE)


def test_a_server_that_knows_only_old_tls_is_refused(authority, good, server):
    port = free_port()
    old = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
                            "-cert", good.cert, "-key", good.key, "-quiet"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                           preexec_fn=die_with_parent)
    try:
        plain = server("valkey-8.0")
        wait_until(lambda: "Connection refused" not in tool.handover(
            "verify", "--source", f"redis://127.0.0.1:{port}", "--target", plain.url).stderr, 20, "s_server listens", 0.1)
        done = tool.handover("verify", "--source", f"rediss://127.0.0.1:{port}", "--target", plain.url)
        expect(done, tool.SOURCE, "no TLS of version 1.2 or newer", "tls-protocols")
    finally:
        end_group(old)


def test_plain_and_tls_ports_that_are_mistaken_for_each_other_are_told(secured, authority, server):
    plain = server("valkey-8.0")
    one = secured("redis-7.0")
    wrong = Secured(plain, plain.port)
    expect(compare(one, wrong, *trusting(authority)), tool.TARGET, "does not speak TLS on this port", "redis://")
    done = tool.handover("verify", "--source", f"redis://127.0.0.1:{one.port}", "--target", plain.url)
    expect(done, tool.SOURCE, "rediss://")


@pytest.mark.parametrize("words, options", [
    ("No such file", ["--source-ca", "/nonexistent/ca.crt"]),
    ("needs its key", ["--source-cert", "CERT"]),
    ("its certificate", ["--source-key", "KEY"]),
    ("cannot be used", ["--source-ca", "KEY"]),
])
def test_a_file_that_cannot_be_used_is_a_mistake_of_usage(secured, authority, good, server, words, options):
    files = {"CERT": good.cert, "KEY": good.key}
    done = compare(secured("redis-7.0"), server("valkey-8.0"), *[files.get(o, o) for o in options])
    expect(done, tool.USAGE, words)


def test_files_beside_a_plain_url_are_a_mistake_of_usage(server, authority):
    done = compare(server("redis-7.0"), server("valkey-8.0"), "--target-ca", authority.cert)
    expect(done, tool.USAGE, "--target-ca", "rediss://")


def test_a_configuration_file_may_hold_it_all(secured, authority, tmp_path):
    source, target = secured("redis-7.0", password="source-pw"), secured("valkey-8.0")
    path = tmp_path / "move.yaml"
    path.write_text(f"source: rediss://:source-pw@127.0.0.1:{source.port}\ntarget: {target.url}\n"
                    f"source-ca: {authority.cert}\ntarget-ca: {authority.cert}\nworkdir: {tmp_path / 'work'}\n")
    path.chmod(0o600)
    done = tool.handover("migrate", "run", "--config", path, "--dry-run")
    expect(done, tool.DONE)
    assert pathlib.Path(tmp_path / "work").exists()


@pytest.mark.parametrize("known", [True, False], ids=["trusted", "stranger"])
def test_a_replica_over_tls_feeds_the_link_only_with_a_certificate_that_is_trusted(secured, authority, stranger, good, known):
    source, target = secured("valkey-8.0", password="a"), secured("valkey-8.0", password="b")
    replica = secured("valkey-8.0", password="a", certificate=good if known else stranger.sign("server"), more={
        "tls-replication": "yes", "replicaof": f"127.0.0.1 {source.port}"})
    wait_until(lambda: source.info("replication").get("slave0", {}).get("state") == "online", 30, "the replica to be online")
    with tool.Migration(source, target, trusting(authority)) as move:
        move.start()
        move.wait_phase("in-sync")
        attached = move.status()["attached"]
        assert attached["to"] == ("replica" if known else "source"), attached
        assert known or (f":{replica.port}" in attached["why"] and "certificate" in attached["why"]), attached
