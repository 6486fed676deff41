"""Servers die, come back, fail over to a replica, lose their data: the move goes on or says why not."""

import os
import signal

import pytest

import reader
import tool
from faults import Relay, assert_nothing_lost
from fill import fill
from servers import wait_until
from workload import Workload

BACKLOG = {"repl-backlog-size": "64mb"}
DURABLE = {"appendonly": "yes", "appendfsync": "always", **BACKLOG}


@pytest.fixture
def begin(server):
    """begin(source, target, options) is a move of two servers, or of relays before them."""
    moves = []

    def start(source, target, *options):
        moves.append(tool.Migration(source, target, options))
        return moves[-1]

    yield start
    for move in moves:
        move.__exit__()


def replica_of(server, primary):
    """A replica whose link is up; `primary` may be a relay before it."""
    one = server(primary.engine, password=primary.password, options={"replicaof": f"127.0.0.1 {primary.port}", **BACKLOG})
    wait_until(lambda: one.info("replication")["master_link_status"] == "up", 30, "the replica's link")
    return one


def test_a_source_killed_in_the_snapshot_and_in_the_stream_is_copied_again(server, begin):
    """Its memory is gone with its replication id; what it acknowledged is in its append-only file."""
    source, target = server("redis-7.0", password="a", options=DURABLE), server("valkey-8.0", password="b")
    fill(source, 5000)
    move = begin(source, target)
    with Workload(source, then=target, seed=51, rate=1000) as writer:
        source.client().config_set("rdb-key-save-delay", 200)  # microseconds: the snapshot takes a second
        move.start()
        move.wait_phase("snapshot")
        source.kill()
        source.start()
        move.wait_phase("in-sync")
        generation = move.status()["generation"]
        writer.wait_writes(500)
        source.kill()
        source.start()
        move.wait_status(lambda s: s["generation"] > generation, "a new full copy")
        assert_nothing_lost(source, target, move, writer)


def test_a_source_restarted_with_its_replication_id_is_continued(server, begin):
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 3000)
    move = begin(source, target)
    with Workload(source, then=target, seed=52, rate=1000) as writer:
        move.start()
        move.wait_caught_up()
        writer.wait_writes(500)
        report = writer.stop()
    move.wait_caught_up()
    # SHUTDOWN SAVE writes id and offset into the file; the new process knows the old id as its second.
    source.cli("SHUTDOWN", "SAVE")
    source.stop()
    source.start()
    source.client().incr("after the restart")
    move.wait_status(lambda s: s["link"]["source_connections"] > 1, "the new connection")
    assert_nothing_lost(source, target, move)
    assert report["wrong"] == []
    assert source.client().get("after the restart") == b"1" and source.client().dbsize() > 2000
    assert move.status()["generation"] == 1, "it had to copy everything again"


def test_a_source_that_fails_over_to_its_replica_is_continued_under_the_second_id(server, begin):
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 3000)
    heir = replica_of(server, source)
    with Relay(source) as address, Workload(source, then=heir, seed=53, rate=1000) as writer:
        move = begin(address, target)
        move.start()
        move.wait_phase("in-sync")
        writer.wait_writes(500)
        with source.client() as old, heir.client() as new:
            old.execute_command("CLIENT", "PAUSE", 20_000, "WRITE")  # a failover that loses no acknowledged write
            wait_until(lambda: heir.offset() >= source.offset(), 10, "the replica being in step")
            new.execute_command("REPLICAOF", "NO", "ONE")
        source.kill()
        address.point_to(heir)
        writer.follow(heir)
        writer.wait_writes(500)
        report = writer.stop()
        move.wait_status(lambda s: s["link"]["source_connections"] > 1, "the connection to the new primary")
        move.wait_caught_up()
        assert report["wrong"] == []
        assert writer.check(heir) == []
        found = reader.compare(heir, target, held_allowed=True)
        assert found == [], reader.show(found)
        assert move.status()["generation"] == 1, "it had to copy everything again"


def test_a_source_replica_that_lagged_when_it_took_over_is_copied_anew(server, begin):
    """The link has more than the new primary: that part is gone at the source and must go at the target."""
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 2000)
    with Relay(source) as address, Relay(source) as between:
        heir = replica_of(server, between)
        move = begin(address, target, "--replica", "none")  # fed by the replica, the link would lag with it
        move.start()
        move.wait_caught_up()
        between.stall("down")
        with source.client() as c:
            for n in range(500):
                c.set(f"only here:{n}", n)
        move.wait_caught_up()
        source.kill()
        heir.client().execute_command("REPLICAOF", "NO", "ONE")
        assert heir.client().exists("only here:0") == 0
        with heir.client() as c:
            for n in range(300):
                c.set(f"another history:{n}", n)
        address.point_to(heir)
        move.wait_status(lambda s: s["generation"] > 1, "a full copy of the new primary")
        move.wait_caught_up()
        found = reader.compare(heir, target, held_allowed=True)
        assert found == [], reader.show(found)


def test_a_target_killed_and_restarted_with_old_data_goes_on_from_its_own_checkpoint(server, begin):
    source = server("redis-7.0", password="a", options=BACKLOG)
    target = server("valkey-8.0", password="b")
    fill(source, 3000)
    move = begin(source, target)
    with Workload(source, then=target, seed=54, rate=1000) as writer:
        move.start()
        move.wait_phase("in-sync")
        target.client().save()
        writer.wait_writes(1500)
        target.kill()
        target.start()
        writer.wait_writes(200)
        assert_nothing_lost(source, target, move, writer)


def test_a_target_that_fails_over_to_a_replica_that_lagged_loses_nothing(server, begin):
    source = server("redis-7.0", password="a", options=BACKLOG)
    target = server("valkey-8.0", password="b")
    fill(source, 3000)
    with Relay(target) as address, Relay(target) as between, Workload(source, then=target, seed=55, rate=2000) as writer:
        heir = replica_of(server, between)
        move = begin(source, address, "--spool-segment", "1M")
        move.start()
        move.wait_phase("in-sync")
        writer.wait_writes(500)
        between.stall("down")
        writer.wait_writes(3000)
        behind = target.offset() - heir.offset()
        assert behind > 100_000
        target.kill()
        heir.client().execute_command("REPLICAOF", "NO", "ONE")
        address.point_to(heir)
        writer.wait_writes(300)
        assert_nothing_lost(source, heir, move, writer)
        assert move.status()["generation"] == 1, "it had to copy everything again"


def test_a_target_restarted_empty_is_filled_anew_and_not_continued(server, begin):
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 3000)
    move = begin(source, target)
    with Workload(source, then=target, seed=56, rate=1000) as writer:
        move.start()
        move.wait_phase("in-sync")
        target.kill()
        target.start()
        # The spool may still hold the whole snapshot: then the source is not asked for another.
        move.wait_status(lambda s: s["link"]["target_reconnects"] > 0, "the new connection")
        assert_nothing_lost(source, target, move, writer)


@pytest.mark.parametrize("policy", ["empty", "replace"])
def test_a_bookkeeping_key_deleted_by_hand_is_noticed(server, begin, policy):
    """Keys without it may be somebody else's: only a policy that says so lets them be replaced."""
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 2000)
    move = begin(source, target, "--target-policy", policy)
    with Workload(source, then=target, seed=57, rate=500) as writer:
        move.start()
        move.wait_phase("in-sync")
        [key] = target.client().keys("handover:checkpoint:*")
        target.client().delete(key)
        if policy == "empty":
            assert move.wait_exit() == tool.TARGET, move.log()
            assert "the target holds keys, but not the checkpoint of this move" in move.log()
            target.client().flushall()
            move.start()
        move.wait_status(lambda s: s["generation"] > 1, "a full copy")
        assert_nothing_lost(source, target, move, writer)


def test_a_frozen_target_is_followed_again_when_it_thaws(server, begin):
    source, target = server("redis-7.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    fill(source, 2000)
    move = begin(source, target)
    with Workload(source, then=target, seed=58, rate=1000) as writer:
        move.start()
        move.wait_phase("in-sync")
        os.kill(target.pid, signal.SIGSTOP)
        writer.wait_writes(1500)
        os.kill(target.pid, signal.SIGCONT)
        assert_nothing_lost(source, target, move, writer)
