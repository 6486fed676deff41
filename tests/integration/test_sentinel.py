"""A source named by the Sentinels that watch it: who is asked, which password goes where, and a whole move."""

import json
import types

import pytest

import tool
from certificates import Authority
from fill import fill
from servers import Server, free_port, wait_until
from test_cutover import cut_over_when_it_may
from workload import Workload

SERVICE = "cart.primary-1"
SOURCE_PASSWORD, OWN_PASSWORD = "source-pw", "sentinels-pw"
DEADLINE_S = 30 * tool.SLOW


class Sentinel(Server):
    """Watches a server; `password` is its own."""
    arguments = ("--sentinel",)

    def __init__(self, primary, quorum=1, more=None, **others):
        lines = [f"monitor {SERVICE} {primary.host} {primary.port} {quorum}",
                 f"down-after-milliseconds {SERVICE} 1000", f"failover-timeout {SERVICE} 5000"]
        if primary.password:
            lines.append(f"auth-pass {SERVICE} {primary.password}")
        options = {"sentinel": lines, "enable-debug-command": None, "save": None, "repl-diskless-sync-delay": None}
        super().__init__(primary.engine, options={**options, **(more or {})}, **others)

    def named(self):
        """The port of the primary that it names."""
        return int(self.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE).split()[1])

    def sees(self, replicas, others):
        said = self.cli("SENTINEL", "MASTER", SERVICE).decode().split("\n")
        state = dict(zip(said[::2], said[1::2]))
        return state["num-slaves"] == str(replicas) and state["num-other-sentinels"] == str(others)


@pytest.fixture
def watching():
    """watching(primary, password=...) starts a Sentinel; all end with the test."""
    started = []

    def start(primary, **more):
        started.append(Sentinel(primary, **more))
        return started[-1].start()

    yield start
    for one in started:
        one.close()


@pytest.fixture
def source(server):
    return server("redis-7.0", password=SOURCE_PASSWORD)


def url(*sentinels, service=SERVICE, scheme="redis+sentinel"):
    return f"{scheme}://{','.join(one.address for one in sentinels)}/{service}"


def audit(named, *more, source=None, **env):
    return tool.handover("audit", "--source", named, "--sample-keys", "0", "--json", *more, source=source, env=env)


def assert_audited(done, primary):
    assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
    assert json.loads(done.stdout)["findings"]
    assert f"the primary of '{SERVICE}' is '{primary.address}'" in done.stderr, done.stderr


def assert_failed(done, code, *texts):
    assert done.returncode == code, done.stdout + done.stderr
    for text in texts:
        assert text in " ".join(done.stderr.split()), (text, done.stderr)
    assert SOURCE_PASSWORD not in done.stderr and OWN_PASSWORD not in done.stderr


@pytest.mark.parametrize("engine", ["redis-7.0", "valkey-8.0"])
def test_one_sentinel_leads_to_the_server_and_needs_no_password(server, watching, engine):
    source = server(engine, password=SOURCE_PASSWORD)
    sentinel = watching(source)
    assert_audited(audit(url(sentinel), source=source), source)
    assert_audited(audit(f"valkey+sentinel://default@{sentinel.address}/{SERVICE}", source=source), source)
    wrong = audit(url(sentinel), HANDOVER_SOURCE_PASSWORD="wrong")
    assert_failed(wrong, tool.SOURCE, f"names '{source.address}'", "HANDOVER_SOURCE_PASSWORD")
    none = audit(url(sentinel))
    assert_failed(none, tool.SOURCE, f"names '{source.address}'", "HANDOVER_SOURCE_PASSWORD")


def test_one_of_three_that_is_dead_or_knows_nothing_is_named_and_the_next_is_asked(source, server, watching):
    dead, other, good = watching(source), watching(server("redis-7.0")), watching(source)
    other.cli("SENTINEL", "REMOVE", SERVICE)
    dead.kill()
    done = audit(url(dead, other, good), source=source)
    assert_audited(done, source)
    assert f"Sentinel '{dead.address}'" in done.stderr and f"Sentinel '{other.address}'" in done.stderr, done.stderr
    assert done.stderr.count("the next one is asked") == 2
    assert_failed(audit(url(dead), source=source), tool.SOURCE, SERVICE, dead.address, "do the Sentinels run")
    assert_failed(audit(url(dead, other), source=source), tool.SOURCE, other.address,
                  f"does not know the service '{SERVICE}'", "SENTINEL MASTERS")


def test_a_service_that_nobody_knows_and_a_server_that_is_no_sentinel(source, watching):
    sentinel = watching(source)
    assert_failed(audit(url(sentinel, service="other"), source=source), tool.SOURCE, sentinel.address,
                  "does not know the service 'other'", "SENTINEL MASTERS")
    assert_failed(audit(url(source), source=source, HANDOVER_SENTINEL_PASSWORD=SOURCE_PASSWORD), tool.SOURCE,
                  source.address, "is that a Sentinel?")


def test_a_sentinels_own_password_is_another_one(source, watching, tmp_path):
    sentinel = watching(source, password=OWN_PASSWORD)
    named = url(sentinel)
    assert_failed(audit(named, source=source), tool.SOURCE, sentinel.address, "NOAUTH", "--sentinel-password-file FILE",
                  "HANDOVER_SENTINEL_PASSWORD")
    assert_failed(audit(named, source=source, HANDOVER_SENTINEL_PASSWORD="wrong"), tool.SOURCE, sentinel.address,
                  "WRONGPASS", "the Sentinel's own password")
    assert_audited(audit(named, source=source, HANDOVER_SENTINEL_PASSWORD=OWN_PASSWORD), source)
    file = tmp_path / "password"
    file.write_text(OWN_PASSWORD + "\n")
    file.chmod(0o600)
    given = audit(named, "--sentinel-password-file", file, source=source, HANDOVER_SENTINEL_PASSWORD="wrong")
    assert_audited(given, source)


def test_a_user_of_the_sentinel_needs_two_commands(source, watching):
    sentinel = watching(source, password="of-the-default-user",
                        more={"user": f"mover on >{OWN_PASSWORD} +ping +sentinel|get-master-addr-by-name"})
    named = url(sentinel)
    done = audit(named, "--sentinel-user", "mover", source=source, HANDOVER_SENTINEL_PASSWORD=OWN_PASSWORD)
    assert_audited(done, source)
    assert_failed(audit(named, "--sentinel-user", "mover", source=source), tool.USAGE, "HANDOVER_SENTINEL_PASSWORD")


def test_a_password_in_the_url_is_the_servers_and_never_on_the_command_line(source, watching, tmp_path):
    sentinel = watching(source)
    with_password = f"redis+sentinel://:{SOURCE_PASSWORD}@{sentinel.address}/{SERVICE}"
    assert_failed(audit(with_password), tool.USAGE, "holds a password")
    done = tool.handover("audit", "--sample-keys", "0", "--json", env={"HANDOVER_SOURCE": with_password})
    assert_audited(done, source)
    assert_failed(tool.handover("verify", "--source", source.url, "--target", url(sentinel)), tool.USAGE,
                  "cannot be named by Sentinels", "elasticache://ID")


def test_a_sentinel_that_names_what_is_a_replica_now_is_noticed(source, server, watching):
    other = server("redis-7.0", password=SOURCE_PASSWORD)
    stale, good = watching(source), watching(other)
    source.cli("REPLICAOF", other.host, other.port)
    assert_failed(audit(url(stale), source=source), tool.SOURCE, stale.address, f"names '{source.address}'",
                  "no primary", "a failover may be under way")
    assert_audited(audit(url(stale, good), source=source), other)


def test_the_sentinels_and_the_server_speak_tls(server, watching, tmp_path):
    authority = Authority(tmp_path)
    signed = authority.sign("server")
    ports = [free_port() for _ in range(2)]
    secured = {"tls-cert-file": signed.cert, "tls-key-file": signed.key, "tls-ca-cert-file": authority.cert,
               "tls-auth-clients": "no"}
    source = server("redis-7.0", password=SOURCE_PASSWORD, options={"tls-port": ports[0], **secured})
    behind_tls = types.SimpleNamespace(engine=source.engine, host=source.host, port=ports[0], password=source.password,
                                       address=f"{source.host}:{ports[0]}")
    sentinel = watching(behind_tls, more={"tls-port": ports[1], "tls-replication": "yes", **secured})
    named = f"rediss+sentinel://{sentinel.host}:{ports[1]}/{SERVICE}"
    assert_audited(audit(named, "--source-ca", authority.cert, source=source), behind_tls)
    assert_failed(audit(named, source=source), tool.SOURCE, f"{sentinel.host}:{ports[1]}", "--source-ca")
    assert_failed(audit(url(sentinel), "--source-ca", authority.cert, source=source), tool.USAGE, "rediss")


def test_after_a_real_failover_the_new_primary_is_found(source, server, watching):
    replica = server("redis-7.0", password=SOURCE_PASSWORD, options={"replicaof": f"{source.host} {source.port}"})
    sentinels = [watching(source, quorum=2) for _ in range(3)]
    wait_until(lambda: replica.info("replication")["master_link_status"] == "up", DEADLINE_S, "the replica's link")
    wait_until(lambda: all(one.sees(replicas=1, others=2) for one in sentinels), DEADLINE_S, "the Sentinels' view")
    assert_audited(audit(url(*sentinels), source=source), source)
    source.kill()
    wait_until(lambda: all(one.named() == replica.port for one in sentinels), 2 * DEADLINE_S,
               lambda: f"a failover\n{sentinels[0].log()}")
    assert_audited(audit(url(*sentinels), source=source), replica)


def test_a_whole_move_of_a_service_without_its_sentinels_in_the_end(server, watching):
    source = server("valkey-8.0", password=SOURCE_PASSWORD, options={"repl-backlog-size": "64mb"})
    target = server("valkey-8.0", password="target-pw")
    sentinels = [watching(source, quorum=2, password=OWN_PASSWORD) for _ in range(3)]
    named = url(*sentinels)
    env = {"HANDOVER_SENTINEL_PASSWORD": OWN_PASSWORD}
    fill(source, 2000)
    wait_until(lambda: all(one.sees(replicas=0, others=2) for one in sentinels), DEADLINE_S, "the Sentinels' view")
    with tool.Migration(source, target, ["--source", named, *tool.accept("sentinel")], env) as move, \
            Workload(source, then=target, seed=61) as writer:
        move.arguments = lambda *more: ["migrate", "run", "--target", target.url, "--workdir", move.workdir,
                                        *move.options, *more]
        refused = tool.handover("migrate", "run", "--dry-run", "--source", named, "--target", target.url, "--workdir",
                                move.directory / "dry", source=source, target=target, env=env)
        assert refused.returncode == tool.SOURCE and "preflight [sentinel]" in refused.stderr, refused.stderr
        move.start("--switch-hook", writer.hook())
        move.wait_phase("in-sync", "verified")
        assert move.status()["source"]["url"] == source.url
        move.kill()
        for one in sentinels:  # as the preflight says: before the cutover
            one.cli("SENTINEL", "REMOVE", SERVICE)
            one.kill()
        move.start("--switch-hook", writer.hook())  # the same --source: nobody is asked again
        move.wait_phase("in-sync", "verified")
        code, report, done = tool.verify(source, target)
        assert code == tool.DONE, done.stdout + done.stderr
        cut_over_when_it_may(move)
        writer.wait_moved()
        writer.wait_writes(500)
        result = writer.stop()
        assert result["wrong"] == [] and writer.check(target) == []
        other = move.command("cutover", "--source", named.replace(SERVICE, "other"))
        assert other.returncode == tool.SOURCE, other.stderr
        assert move.command("finish").returncode == tool.DONE
