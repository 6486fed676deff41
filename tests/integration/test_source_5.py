"""A source before 6.0, which has neither users nor a hold of writes alone: it is fenced at the end of a pause, before anybody else is served."""

import types

import pytest
import redis

import reader
import test_cutover
import tool
from fill import fill
from servers import wait_until
from workload import Workload

EXPIRING_MS = (60_000, 90_000)


@pytest.fixture
def pair(server):
    return types.SimpleNamespace(source=server("redis-5.0", password="source-pw", options={"repl-backlog-size": "64mb"}),
                                 target=server("valkey-8.1", password="target-pw"))


@pytest.fixture
def migration(pair):
    with tool.Migration(pair.source, pair.target) as m:
        yield m


def test_nobody_writes_behind_the_cutover_and_what_expires_meanwhile_does_not_stop_it(pair, migration):
    fill(pair.source, 3000, expiring_ms=(1_000, 20_000))
    with Workload(pair.source, then=pair.target, seed=81) as writer:
        migration.start("--switch-hook", writer.hook())
        migration.wait_phase("in-sync", "verified")
        told = migration.command("cutover", "--dry-run").stdout
        assert "CLIENT KILL ID" in told and "SLAVEOF" in told and "UNPAUSE" not in told and "ACL" not in told, told
        assert migration.command("cutover", "--skip-verify").returncode == tool.DONE
        writer.wait_moved()
        writer.wait_writes(500)
        assert writer.stop()["wrong"] == [] and writer.check(pair.target) == []
    with pair.source.client() as c:
        for late in (("SET", "x", 1), ("DEL", "x"), ("EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "x")):
            with pytest.raises(redis.ResponseError, match="read only|READONLY"):
                c.execute_command(*late)
        c.connection_pool.disconnect()
    assert reader.compare(pair.source, pair.target, 2000 * tool.SLOW, ignore=b"w:") == []
    assert migration.command("finish").returncode == tool.DONE
    with pair.source.client() as c:
        assert c.set("x", 1)  # it takes writes again


def test_a_transaction_that_is_open_at_the_cutover_writes_nothing(pair, migration):
    with pair.source.client() as c, Workload(pair.source, then=pair.target, seed=82) as writer:
        open_one = c.connection_pool.get_connection("MULTI")
        for command in (("MULTI",), ("SET", "x", 1)):
            open_one.send_command(*command)
            open_one.read_response()
        migration.start("--switch-hook", writer.hook())
        migration.wait_phase("in-sync", "verified")
        assert migration.command("cutover", "--skip-verify").returncode == tool.DONE
        with pytest.raises(redis.ConnectionError):
            open_one.send_command("EXEC", check_health=False)
            open_one.read_response()
        assert c.exists("x") == 0
        writer.wait_moved()
        assert writer.stop()["wrong"] == [] and writer.check(pair.target) == []


def test_a_miss_opens_the_source_again(pair, migration):
    def is_fenced():
        role = pair.source.info("replication")["role"]
        assert role in ("master", "slave")
        return role == "slave"

    with Workload(pair.source, then=pair.target, seed=83) as writer:
        test_cutover.vetoed_undone_and_made_again(pair, migration, writer, is_fenced)


def test_kills_in_the_middle_of_a_cutover_lose_nothing(pair, migration, monkeypatch):
    monkeypatch.setattr(test_cutover, "fill", lambda server, count: fill(server, count, expiring_ms=EXPIRING_MS))
    test_cutover.test_kills_in_the_middle_of_a_cutover_lose_nothing(pair, migration)
    wait_until(lambda: migration.phase() == "switched", 30, migration.log)
    assert migration.command("finish").returncode == tool.DONE


def test_a_source_whose_replicas_take_writes_is_told_before(pair, migration):
    with pair.source.client() as c:
        c.config_set("slave-read-only", "no")
    done = migration.dry_run()
    assert done.returncode == tool.SOURCE and "source-hold" in done.stderr and "CONFIG SET slave-read-only yes" in done.stderr, done.stderr


def test_a_source_that_hides_monitor_is_told_before(server):
    source = server("redis-5.0", options={"rename-command": 'MONITOR ""'})
    with tool.Migration(source, server("valkey-8.1")) as move:
        done = move.dry_run()
        assert done.returncode == tool.SOURCE and "source-hold" in done.stderr and "rename-command MONITOR" in done.stderr, done.stderr
