"""Kills, cuts and restarts: no write is lost, none is applied twice."""

import random
import shutil
import signal

import pytest

import reader
import tool
from faults import assert_nothing_lost
from fill import encode, fill
from servers import wait_until
from workload import Workload


def assert_equal_after(pair, migration, writer):
    assert_nothing_lost(pair.source, pair.target, migration, writer)


def test_twenty_kills_at_random_moments_lose_and_repeat_nothing(pair, migration):
    rng = random.Random(20)
    fill(pair.source, 60_000)
    with Workload(pair.source, then=pair.target, seed=2) as writer:
        for n in range(20):
            migration.start()
            # Early kills hit the start and the snapshot, late ones the stream.
            writer.wait_writes(rng.randint(50, 1000 + 400 * n))
            migration.kill()
        migration.start()
        migration.wait_phase("in-sync", deadline_s=120)
        for n in range(10):
            writer.wait_writes(rng.randint(50, 3000))
            migration.kill()
            migration.start()
        assert_equal_after(pair, migration, writer)


def test_cut_connections_on_both_sides_lose_and_repeat_nothing(pair, migration):
    rng = random.Random(21)
    fill(pair.source, 20_000)
    with Workload(pair.source, then=pair.target, seed=3) as writer, pair.source.client() as s, pair.target.client() as t:
        migration.start()
        migration.wait_phase("in-sync")
        for n in range(20):
            writer.wait_writes(rng.randint(50, 2000))
            if n % 2:
                t.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            else:
                s.execute_command("CLIENT", "KILL", "TYPE", "replica")
        assert_equal_after(pair, migration, writer)


def lose_the_backlog(server):
    """Writes until the source cannot continue a replica that is away."""
    with server.client() as c:
        c.config_set("repl-backlog-size", 16384)
        for n in range(100):
            c.set("backlog:filler", b"x" * 10_000)


def test_a_second_full_resync_onto_a_filled_target_ends_equal(pair, migration):
    fill(pair.source, 20_000)
    migration.start()
    migration.wait_caught_up()
    generation = migration.status()["generation"]
    migration.kill()
    with pair.source.client() as c:
        names = list(c.scan_iter(count=1000))[:3000]
        c.delete(*names[:1000])  # gone
        for n in names[1000:1500]:  # there again under another type
            c.delete(n)
            c.rpush(n, "other", "type")
        for n in names[1500:2000]:  # another value, no expiry
            c.delete(n)
            c.set(n, "fresh")
        c.swapdb(0, 9)
        c.swapdb(9, 0)
    lose_the_backlog(pair.source)
    fill(pair.source, 5000, seed=8)
    with Workload(pair.source, then=pair.target, seed=4) as writer:
        migration.start()
        migration.wait_status(lambda s: s["generation"] > generation, "a new generation")
        writer.wait_writes(2000)
        assert_equal_after(pair, migration, writer)


def test_a_target_that_lost_everything_is_filled_again(pair, migration):
    fill(pair.source, 10_000)
    migration.start()
    migration.wait_caught_up()
    pair.target.kill()
    pair.target.start()
    # The run carries on by itself, from its spool or through a new full sync.
    wait_until(lambda: pair.target.client().dbsize() > 5000, 60 * tool.SLOW, "the target being filled again")
    migration.wait_caught_up(deadline_s=120)
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_resumable_with_exit_code_6(pair, migration, number):
    fill(pair.source, 10_000)
    with Workload(pair.source, then=pair.target, seed=6) as writer:
        migration.start()
        writer.wait_writes(500)
        migration.wait_phase("snapshot", "catching-up", "in-sync")
        migration.signal(number)
        assert migration.wait_exit(20) == tool.INTERRUPTED
        migration.start()
        migration.wait_phase("in-sync")
        migration.signal(number)
        assert migration.wait_exit(20) == tool.INTERRUPTED
        migration.start()
        assert_equal_after(pair, migration, writer)


def test_a_second_run_on_the_same_work_directory_is_refused_and_harms_nothing(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    second = tool.handover(*migration.arguments(), source=pair.source, target=pair.target, deadline_s=20)
    assert second.returncode == tool.USAGE, second.stderr
    assert migration.running()


def test_a_transaction_larger_than_a_group_is_applied_whole_or_not_at_all(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    with pair.source.client() as c:
        connection = c.connection_pool.get_connection("_")
        for _ in range(5):
            parts = [encode("MULTI")] + [encode("INCR", f"t:{i}") for i in range(3000)] + [encode("EXEC")]
            connection.send_packed_command(parts)
            for _ in range(3002):
                connection.read_response()
            migration.kill()
            migration.start()
        connection.disconnect()
    migration.wait_caught_up()
    assert reader.compare(pair.source, pair.target, held_allowed=True) == []


@pytest.mark.parametrize("written", [True, False], ids=["under writes", "quiet"])
def test_a_target_that_is_flushed_under_an_open_connection_is_noticed_and_filled_again(pair, migration, written):
    """Without the checkpoint in the target the next one would hide that everything before it is gone."""
    fill(pair.source, 3000)
    pair.source.client().config_set("repl-ping-replica-period", 1)
    migration.start()
    migration.wait_caught_up()
    pair.target.client().flushall()
    if written:  # what was written since stands alone there: it might be somebody else's
        pair.source.client().set("one", "more")
        assert migration.wait_exit(60) == tool.TARGET, migration.log()
        pair.target.client().flushall()
        migration.start()
    else:
        refused = migration.command("cutover", "--skip-verify")
        assert refused.returncode == tool.TARGET and "lost its data" in refused.stderr, refused.stderr
    migration.wait_status(lambda s: s["generation"] >= 2, "a full copy", 30)
    migration.wait_caught_up()
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_a_target_with_keys_but_without_the_checkpoint_is_not_touched(pair, migration):
    fill(pair.source, 2000)
    migration.start()
    migration.wait_caught_up()
    migration.kill()
    with pair.target.client() as t:
        t.flushall()
        t.set("somebody else's", "1")
    migration.start()
    assert migration.wait_exit(60) == tool.TARGET, migration.log()
    assert "checkpoint" in migration.log()
    assert pair.target.client().get("somebody else's") == b"1"


def test_a_spool_deleted_while_it_is_needed_ends_in_a_full_copy(pair, migration):
    fill(pair.source, 3000)
    with Workload(pair.source, then=pair.target, seed=7) as writer:
        migration.start("--spool-segment", "1M")
        migration.wait_caught_up()
        assert migration.command("pause").returncode == tool.DONE
        writer.wait_writes(20_000)
        shutil.rmtree(migration.workdir / "spool")
        assert migration.command("resume").returncode == tool.DONE
        migration.wait_status(lambda s: s["generation"] >= 2, "a full copy", 30)
        assert_equal_after(pair, migration, writer)
