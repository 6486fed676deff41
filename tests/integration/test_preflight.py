"""Preflight: each refusal against a real server in that state, before anything is written."""

import re

import pytest

import reader
import tool
from fill import fill
from servers import free_port

REFUSALS = (tool.FINDINGS, tool.SOURCE, tool.TARGET)


def target_with_keys(pair):
    pair.target.client().set("mine", "1")


def evicting_target(pair):
    pair.target.client().config_set("maxmemory", 200 << 20)
    pair.target.client().config_set("maxmemory-policy", "volatile-lru")


def small_target(pair):
    fill(pair.source, 20_000)
    pair.target.client().config_set("maxmemory", 4 << 20)


def target_that_is_a_replica(pair):
    pair.target.client().execute_command("REPLICAOF", "127.0.0.1", free_port())


def target_that_wants_replicas(pair):
    pair.target.client().config_set("min-replicas-to-write", 1)


def source_user_without_psync(pair):
    pair.source.client().execute_command("ACL", "SETUSER", "default", "-psync", "-sync")


def target_user_without_restore(pair):
    pair.target.client().execute_command("ACL", "SETUSER", "default", "-restore")


def source_with_a_small_replica_buffer(pair):
    fill(pair.source, 20_000)
    pair.source.client().config_set("client-output-buffer-limit", "replica 16kb 16kb 1")



STATES = [
    (target_with_keys, r"empty|keys"), (evicting_target, r"maxmemory-policy|evict"), (small_target, r"memory"),
    (target_that_is_a_replica, r"replica|read.only"), (target_that_wants_replicas, r"min-replicas|NOREPLICAS"),
    (source_user_without_psync, r"psync"), (target_user_without_restore, r"restore"),
    (source_with_a_small_replica_buffer, r"client-output-buffer-limit|buffer"),
]


@pytest.mark.parametrize("prepare, words", STATES, ids=[p.__name__ for p, _ in STATES])
def test_preflight_refuses_before_anything_is_written_a(pair, migration, prepare, words):
    prepare(pair)
    before = reader.read_server(reader._address(pair.target))
    migration.start()
    code = migration.wait_exit(30)
    assert code in REFUSALS, migration.log()
    assert re.search(words, migration.log(), re.I), migration.log()
    assert reader.read_server(reader._address(pair.target)) == before
    assert migration.phase() in (None, "new")


def test_preflight_names_all_reasons_at_once(pair, migration):
    target_with_keys(pair)
    evicting_target(pair)
    source_with_a_small_replica_buffer(pair)
    done = migration.dry_run()
    assert done.returncode in REFUSALS
    for words in (r"empty", r"maxmemory-policy|evict", r"buffer"):
        assert re.search(words, done.stdout + done.stderr, re.I), done.stdout + done.stderr


def test_keys_on_the_target_are_kept_by_merge_and_removed_by_replace(pair):
    fill(pair.source, 1000)
    for policy, kept in ((tool.MERGE_TARGET, True), (tool.REPLACE_TARGET, False)):
        with tool.Migration(pair.source, pair.target, policy) as move:
            pair.target.client().flushall()
            pair.target.client().set("mine", "1")
            move.start()
            move.wait_caught_up()
            assert (pair.target.client().get("mine") == b"1") is kept
            move.kill()


@pytest.mark.parametrize("side, code", [("source", tool.SOURCE), ("target", tool.TARGET)])
def test_a_wrong_password_is_named_with_its_side(pair, migration, side, code):
    getattr(pair, side).client().config_set("requirepass", "changed")
    migration.start()
    assert migration.wait_exit(30) == code
    assert re.search(r"password|AUTH", migration.log(), re.I)
    getattr(pair, side).password = "changed"


@pytest.mark.parametrize("side, code", [("source", tool.SOURCE), ("target", tool.TARGET)])
def test_a_server_that_is_not_there_is_named_with_its_side(pair, migration, side, code):
    getattr(pair, side).stop()
    migration.start()
    assert migration.wait_exit(60) == code
    assert getattr(pair, side).address in migration.log()


def test_source_and_target_may_not_be_the_same_server(pair):
    with tool.Migration(pair.source, pair.source) as move:
        move.start()
        assert move.wait_exit(30) in (*REFUSALS, tool.USAGE)
        assert "same" in move.log()


def test_a_target_that_cannot_read_the_sources_format_is_refused(server):
    source, target = server("valkey-8.0"), server("redis-7.0")
    fill(source, 100)
    with tool.Migration(source, target) as move:
        move.start()
        assert move.wait_exit(30) in REFUSALS
        assert re.search(r"version|RDB|format", move.log(), re.I)


def test_a_source_expiry_in_the_range_of_held_ones_is_refused(pair, migration):
    with pair.source.client() as c:
        c.set("far", "x")
        c.execute_command("PEXPIREAT", "far", reader.HELD + 5)
    migration.start()
    assert migration.wait_exit(30) in REFUSALS
    assert "far" in migration.log()


def test_what_may_be_accepted_is_accepted_by_name(pair, migration):
    source_with_a_small_replica_buffer(pair)
    done = migration.dry_run()
    assert done.returncode in REFUSALS
    names = re.findall(r"--accept[ =]([\w.:-]+)", done.stdout + done.stderr)
    assert names, done.stdout + done.stderr
    accepted = migration.dry_run(*[word for name in names for word in tool.accept(name)])
    assert accepted.returncode == tool.DONE, accepted.stdout + accepted.stderr
