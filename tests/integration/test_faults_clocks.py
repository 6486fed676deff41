"""Clocks that are wrong, and clocks that are set while a move runs: of the source, the target, the tool."""

import pytest

import reader
import tool
from faults import Clock, assert_nothing_lost
from fill import Feed, fill
from workload import Workload

HOUR_S = 3600
BACKLOG = {"repl-backlog-size": "64mb"}


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_a_clock_of_the_tool_that_jumps_changes_nothing(pair, jump_s):
    fill(pair.source, 2000, expiring_ms=(30 * 60_000, 90 * 60_000))
    with Clock() as clock, tool.Migration(pair.source, pair.target, env=clock.environment) as move, \
            Workload(pair.source, then=pair.target, seed=71, rate=1000) as writer:
        move.start()
        move.wait_phase("in-sync")
        clock.set(jump_s)
        writer.wait_writes(1000)
        move.wait_phase("in-sync", deadline_s=20)
        assert_nothing_lost(pair.source, pair.target, move, writer)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_a_clock_of_the_target_that_jumps_expires_nothing_before_its_time(server, jump_s):
    """Keys that the target believes to be over are held: only the source's word deletes them."""
    with Clock() as clock:
        source = server("redis-7.0", password="a", options=BACKLOG)
        target = server("valkey-8.0", password="b", env=clock.environment)
        fill(source, 2000, expiring_ms=(20 * 60_000, 50 * 60_000))
        with tool.Migration(source, target) as move, Workload(source, then=target, seed=72, rate=1000) as writer:
            move.start()
            move.wait_phase("in-sync")
            clock.set(jump_s)
            writer.wait_writes(1000)
            # An engine takes no delivery time of a pending entry that is later than its own clock.
            assert_nothing_lost(source, target, move, writer, allowed=("stream-pending",) if jump_s < 0 else ())


def test_a_clock_of_the_source_that_jumps_expires_there_and_so_here(server):
    """The source deletes what its new clock says is over; the target follows its word, not its own clock."""
    with Clock() as clock:
        source = server("redis-7.0", password="a", env=clock.environment, options=BACKLOG)
        target = server("valkey-8.0", password="b")
        fill(source, 3000, expiring_ms=(20 * 60_000, 50 * 60_000))
        with tool.Migration(source, target) as move:
            move.start()
            move.wait_caught_up()
            before = target.client().dbsize()
            clock.set(HOUR_S - 300)
            with Feed(source) as feed:
                for n in range(2000):
                    feed.send("INCR", f"counter:{n % 50}")
            for name in source.info("keyspace"):
                with source.client(db=int(name.removeprefix("db"))) as c:
                    for key in list(c.scan_iter(count=1000)):  # touched: found to be over, and deleted
                        c.exists(key)
            move.wait_caught_up()
            assert target.client().dbsize() < before + 50
            found = reader.compare(source, target, held_allowed=True)
            assert found == [], reader.show(found)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_whose_clock_is_wrong_is_refused_with_the_difference(server, side):
    with Clock(30) as clock:
        env = {side: clock.environment}
        source = server("redis-7.0", password="a", env=env.get("source"), options=BACKLOG)
        target = server("valkey-8.0", password="b", env=env.get("target"))
        with tool.Migration(source, target) as move:
            done = move.dry_run()
            assert done.returncode == tool.SOURCE, done.stderr
            assert "[clock-skew]" in done.stderr and "differ by" in done.stderr and "30.0 s" in done.stderr, done.stderr
