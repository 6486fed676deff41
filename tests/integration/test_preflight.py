"""Preflight: each refusal against a real server in that state, before anything is written."""

import re

import pytest

import reader
import tool
from fill import fill
from servers import free_port
from workload import Workload


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


def source_that_is_a_replica(pair):
    pair.source.client().execute_command("REPLICAOF", "127.0.0.1", free_port())


def source_that_wants_replicas(pair):
    pair.source.client().config_set("min-replicas-to-write", 1)


def source_user_without_psync(pair):
    pair.source.client().execute_command("ACL", "SETUSER", "default", "-psync", "-sync")


def target_user_without_restore(pair):
    pair.target.client().execute_command("ACL", "SETUSER", "default", "-restore")


def target_in_cluster_mode(pair):
    pair.target.stop()
    pair.target.options["cluster-enabled"] = "yes"
    pair.target.options["cluster-port"] = free_port()  # port + 10,000 may be above 65,535
    pair.target.start()


def target_with_too_few_databases(pair):
    pair.source.client(db=9).set("far", "1")
    pair.target.stop()
    pair.target.options["databases"] = 4
    pair.target.start()


def source_whose_application_waits(pair):
    pair.source.client().wait(0, 1)


# What is done to the servers, and the name of the reason that must come.
STATES = [
    (target_with_keys, "target-not-empty"), (evicting_target, "eviction"), (small_target, "target-memory"),
    (target_that_is_a_replica, "target-role"), (target_that_wants_replicas, "target-min-replicas"),
    (source_that_is_a_replica, "source-role"), (source_that_wants_replicas, "min-replicas"),
    (source_user_without_psync, "source-rights"), (target_user_without_restore, "target-rights"),
    (target_in_cluster_mode, "cluster-mode"), (target_with_too_few_databases, "databases"),
    (source_whose_application_waits, "wait-users"),
]


def names(output):
    return set(re.findall(r"preflight \[([a-z-]+)\]", output))


@pytest.mark.parametrize("prepare, reason", STATES, ids=[p.__name__ for p, _ in STATES])
def test_preflight_refuses_before_anything_is_written_a(pair, migration, prepare, reason):
    prepare(pair)
    before = reader.read_server(reader._address(pair.target))
    migration.start()
    code = migration.wait_exit(30)
    assert code in tool.REFUSALS, migration.log()
    assert reason in names(migration.log()), migration.log()
    assert reader.read_server(reader._address(pair.target)) == before
    assert migration.phase() in (None, "new")


def test_preflight_names_all_reasons_at_once(pair, migration):
    for prepare in (target_with_keys, evicting_target, source_user_without_psync, source_whose_application_waits):
        prepare(pair)
    done = migration.dry_run()
    assert done.returncode in tool.REFUSALS
    assert names(done.stdout + done.stderr) >= {"target-not-empty", "eviction", "source-rights", "wait-users"}


def test_preflight_measures_the_write_rate_against_buffer_and_backlog(pair, migration):
    fill(pair.source, 20_000)
    with pair.source.client() as c:
        c.config_set("client-output-buffer-limit", "replica 16kb 16kb 1")
        c.config_set("repl-backlog-size", 16384)
    with Workload(pair.source, then=pair.target, seed=41):
        done = migration.dry_run()
    assert done.returncode in tool.REFUSALS
    assert names(done.stdout + done.stderr) >= {"output-buffer", "backlog"}, done.stdout + done.stderr


SMALL = {"client-output-buffer-limit": "replica 16384 16384 1", "repl-backlog-size": "16384"}


def settings_of(server):
    with server.client() as c:
        limits = c.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
        replicas = re.search(r"(?:replica|slave) (\d+ \d+ \d+)", limits)
        return {"client-output-buffer-limit": f"replica {replicas.group(1)}",
                "repl-backlog-size": c.config_get("repl-backlog-size")["repl-backlog-size"]}


def make_small(server):
    fill(server, 20_000)
    with server.client() as c:
        for name, value in SMALL.items():
            c.config_set(name, value)


@pytest.mark.parametrize("end", ["abort", "finish"])
def test_with_consent_the_sources_limits_are_raised_and_taken_back(pair, migration, end):
    make_small(pair.source)
    with Workload(pair.source, then=pair.target, seed=43) as w:
        plan = migration.dry_run("--allow-source-config")
        assert plan.returncode == 0, plan.stdout + plan.stderr
        assert "CONFIG SET repl-backlog-size" in plan.stdout, plan.stdout
        assert settings_of(pair.source) == SMALL
        migration.start("--allow-source-config")
        migration.wait_phase("in-sync")
        raised = settings_of(pair.source)
        assert int(raised["repl-backlog-size"]) >= 1 << 20
        assert int(raised["client-output-buffer-limit"].split()[1]) >= 1 << 20
        w.stop()
    if end == "finish":
        assert migration.command("cutover", "--skip-verify").returncode == 0
        assert migration.wait_exit() == 0
    done = migration.command(end)
    assert done.returncode == 0, done.stderr
    assert settings_of(pair.source) == SMALL


def test_limits_raised_by_a_move_that_was_killed_are_taken_back_by_abort(pair, migration):
    make_small(pair.source)
    with Workload(pair.source, then=pair.target, seed=44):
        migration.start("--allow-source-config")
        migration.wait_phase("snapshot", "catching-up", "in-sync")
        migration.kill()
    assert settings_of(pair.source) != SMALL
    assert migration.command("abort").returncode == 0
    assert settings_of(pair.source) == SMALL


def test_a_setting_that_somebody_else_changed_meanwhile_is_left(pair, migration):
    make_small(pair.source)
    with Workload(pair.source, then=pair.target, seed=45):
        migration.start("--allow-source-config")
        migration.wait_phase("in-sync")
    with pair.source.client() as c:
        c.config_set("repl-backlog-size", 123 << 20)
    done = migration.command("abort")
    assert done.returncode == 0, done.stderr
    assert "which this move did not set" in migration.log() + done.stderr
    assert settings_of(pair.source) == {**SMALL, "repl-backlog-size": str(123 << 20)}


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
        assert move.wait_exit(30) in tool.REFUSALS
        assert "same-server" in names(move.log())


@pytest.mark.parametrize("engines, reason", [(("redis-3.2", "valkey-8.0"), "source-version"),
                                             (("redis-7.0", "redis-5.0"), "target-version")])
def test_versions_that_are_not_carried_are_refused(server, engines, reason):
    source, target = map(server, engines)
    source.client().set("a", 1)
    with tool.Migration(source, target) as move:
        move.start()
        assert move.wait_exit(30) in tool.REFUSALS
        assert reason in names(move.log())


def test_a_target_that_knows_no_config_is_not_promised_a_setting(server):
    source = server("redis-7.0")
    target = server("valkey-8.0", options={"maxmemory-policy": "volatile-lru", "rename-command": 'CONFIG ""'})
    with tool.Migration(source, target) as move:
        move.start("--allow-target-config")
        assert move.wait_exit(30) in tool.REFUSALS
        assert "eviction" in names(move.log()) and "parameter group" in move.log() and "set from" not in move.log()
        assert move.command("abort").returncode == tool.DONE


def test_a_source_expiry_in_the_range_of_held_ones_is_refused(pair, migration):
    with pair.source.client() as c:
        c.set("far", "x")
        c.execute_command("PEXPIREAT", "far", reader.HELD + 5)
    migration.start()
    assert migration.wait_exit(30) in tool.REFUSALS
    assert "far" in migration.log()


def test_what_may_be_accepted_is_accepted_by_name_and_nothing_else(pair, migration):
    source_whose_application_waits(pair)
    target_with_keys(pair)
    assert migration.dry_run(*tool.accept("target-not-empty")).returncode == tool.USAGE
    assert migration.dry_run(*tool.accept("no-such-reason")).returncode == tool.USAGE
    pair.target.client().flushall()
    assert migration.dry_run().returncode in tool.REFUSALS
    accepted = migration.dry_run(*tool.accept("wait-users"))
    assert accepted.returncode == tool.DONE, accepted.stdout + accepted.stderr


def test_another_target_policy_on_a_later_run_is_refused(pair, migration):
    pair.target.client().set("mine", "1")
    migration.start(*tool.MERGE_TARGET)
    migration.wait_phase("in-sync")
    migration.kill()
    migration.start()
    assert migration.wait_exit() == tool.USAGE and "merge" in migration.log()
    assert pair.target.client().get("mine") == b"1"


def test_replace_removes_function_libraries_the_source_has_not(pair, migration):
    old = "#!lua name=old\nredis.register_function('f', function() return 1 end)"
    pair.target.client().execute_command("FUNCTION", "LOAD", old)
    pair.target.client().set("mine", "1")
    fill(pair.source, 2000)
    migration.start(*tool.REPLACE_TARGET)
    migration.wait_caught_up()
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_verify_without_addresses_takes_them_from_the_move_or_says_what_is_missing(pair, migration):
    fill(pair.source, 500)
    migration.start()
    migration.wait_caught_up()
    done = tool.handover("verify", "--workdir", migration.workdir, source=pair.source, target=pair.target)
    assert done.returncode == tool.DONE, done.stdout + done.stderr
    assert migration.status()["verification"]["result"] == "equal"
    bare = tool.handover("verify", source=pair.source, target=pair.target)
    assert bare.returncode == tool.USAGE and "--source" in bare.stderr


def test_a_second_move_onto_the_same_target_is_refused(pair, migration):
    """Two links of one source would apply every write twice."""
    migration.start()
    migration.wait_phase("in-sync")
    with tool.Migration(pair.source, pair.target, tool.REPLACE_TARGET) as second:
        done = second.dry_run()
        assert done.returncode == tool.TARGET and "[other-move]" in done.stderr, done.stderr
