"""What lets the tool in changes while it runs: a password, a certificate."""

import signal

import pytest

import tool
from certificates import Authority
from faults import assert_nothing_lost
from fill import fill
from servers import free_port
from workload import Workload


def cut(server, kind):
    server.client().execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_password_changed_midway_is_named_and_the_run_goes_on_with_the_new_one(pair, migration, side):
    fill(pair.source, 2000)
    with Workload(pair.source, then=pair.target, seed=81, rate=500) as writer:
        migration.start()
        migration.wait_phase("in-sync")
        server = getattr(pair, side)
        server.client().config_set("requirepass", "another")
        server.password = "another"
        cut(server, "replica" if side == "source" else "normal")
        migration.wait_status(lambda s: server.address in s["reason"] and "WRONGPASS" in s["reason"], "the reason", 15)
        writer.wait_writes(300)
        migration.wait_phase("catching-up", deadline_s=10)  # who is not heard cannot be in sync
        migration.signal(signal.SIGTERM)
        assert migration.wait_exit() == tool.INTERRUPTED
        migration.start()  # with the new password in its environment
        assert_nothing_lost(pair.source, pair.target, migration, writer)


class Secured:
    """A server with a TLS port for the tool; everything else of it is plain."""

    def __init__(self, server, port):
        self.server, self.port = server, port

    @property
    def url(self):
        return f"rediss://127.0.0.1:{self.port}"

    def __getattr__(self, name):
        return getattr(self.server, name)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_certificate_that_expires_midway_is_named_and_its_renewal_is_taken_up(server, tmp_path, side):
    authority = Authority(tmp_path)
    good, over = authority.sign("good"), authority.sign("over", days=-1)

    def secured(engine, password):
        port = free_port()
        return Secured(server(engine, password=password, options={
            "tls-port": port, "tls-cert-file": good.cert, "tls-key-file": good.key, "tls-ca-cert-file": authority.cert,
            "tls-auth-clients": "no", "repl-backlog-size": "64mb"}), port)

    def use(one, certificate):
        with one.client() as c:
            c.execute_command("CONFIG", "SET", "tls-cert-file", str(certificate.cert), "tls-key-file", str(certificate.key))

    source, target = secured("redis-7.0", "a"), secured("valkey-8.0", "b")
    fill(source.server, 2000)
    with tool.Migration(source, target, ["--source-ca", authority.cert, "--target-ca", authority.cert]) as move, \
            Workload(source.server, then=target.server, seed=82, rate=500) as writer:
        move.start()
        move.wait_phase("in-sync")
        one = source if side == "source" else target
        use(one, over)
        cut(one, "replica" if side == "source" else "normal")
        move.wait_status(lambda s: "expired" in s["reason"], "the reason", 15)
        writer.wait_writes(300)
        use(one, good)
        assert_nothing_lost(source.server, target.server, move, writer)
