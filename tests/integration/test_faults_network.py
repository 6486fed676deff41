"""The ways between the tool and its servers fail: reset, half-open, stalled, silent, slow."""

import contextlib
import os
import subprocess
import types

import pytest

import tool
from faults import LONG_S, Relay, assert_nothing_lost, still_for
from fill import fill
from servers import Server
from workload import Workload


@pytest.fixture
def way(pair):
    """The pair behind relays, and a move that only knows the relays."""
    with Relay(pair.source) as source, Relay(pair.target) as target, tool.Migration(source, target) as move:
        yield types.SimpleNamespace(source=source, target=target, move=move)


def writing(pair, seed, rate=2000):
    return Workload(pair.source, then=pair.target, seed=seed, rate=rate)


def end_well(pair, way, writer):
    assert_nothing_lost(pair.source, pair.target, way.move, writer)


def test_resets_of_both_ways_in_the_snapshot_and_in_the_stream(pair, way):
    fill(pair.source, 20_000)
    way.source.bytes_per_s = 4_000_000  # the snapshot lasts long enough to be cut in it
    with writing(pair, 41) as writer:
        way.move.start()
        way.move.wait_status(lambda s: s.get("snapshot", {}).get("received_bytes", 0) > 200_000, "a part of the snapshot")
        way.target.reset()
        writer.wait_writes(200)
        way.source.reset()
        way.source.bytes_per_s = 0
        way.move.wait_phase("in-sync")
        for n in range(10):
            writer.wait_writes(100 + 50 * n)
            (way.source if n % 2 else way.target).reset()
        end_well(pair, way, writer)


def test_half_open_connections_are_given_up_and_made_anew(pair, way):
    """The servers have forgotten the connections; the tool's ends stay open and say nothing."""
    fill(pair.source, 2000)
    pair.source.client().config_set("repl-ping-replica-period", 2)
    with writing(pair, 42) as writer:
        way.move.start()
        way.move.wait_phase("in-sync")
        way.source.half_open()
        way.target.half_open()
        way.move.wait_status(lambda s: s["link"]["source_connections"] > 1 and s["link"]["target_reconnects"] > 0,
                             "new connections to both", 60)
        end_well(pair, way, writer)


def test_stalls_of_each_direction_cost_time_and_nothing_else(pair, way):
    fill(pair.source, 2000)
    with writing(pair, 43) as writer:
        way.move.start()
        way.move.wait_phase("in-sync")
        for relay in (way.source, way.target):
            for direction in ("up", "down"):
                relay.stall(direction)
                still_for(LONG_S)
                relay.flow()
                writer.wait_writes(200)
        end_well(pair, way, writer)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_way_that_swallows_for_a_while_loses_nothing(pair, way, side):
    """What was sent into it never arrives: the connection is of no more use, and nobody says so."""
    fill(pair.source, 2000)
    with writing(pair, 44) as writer:
        way.move.start()
        way.move.wait_phase("in-sync")
        getattr(way, side).swallow(True)
        still_for(LONG_S)
        getattr(way, side).reset()  # what a firewall does when it is told again
        getattr(way, side).swallow(False)
        end_well(pair, way, writer)


def test_a_slow_target_is_followed_at_its_pace(pair, way):
    """50 ms each way: one group outstanding, so large groups must carry the rate."""
    fill(pair.source, 3000)
    way.target.delay_s = 0.05
    with writing(pair, 45) as writer:
        way.move.start()
        way.move.wait_phase("in-sync", deadline_s=90)
        writer.wait_writes(4000)
        end_well(pair, way, writer)


@contextlib.contextmanager
def namespace():
    """A network namespace with one pair of interfaces: its name, the server's address, the tool's."""
    number = os.getpid() % 16384
    name, near, far = f"ho-{number}", f"hn{number}", f"hf{number}"
    net = f"10.{200 + number // 4096}.{number // 64 % 64}.{number % 64 * 4}".rsplit(".", 1)
    base, last = net[0], int(net[1])

    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{base}.{last + 1}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{base}.{last + 2}/30", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield name, f"{base}.{last + 2}"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def packets(name, verdict):
    """Inside the namespace: drop everything on its interface, or nothing."""
    rules = "flush ruleset\n"
    if verdict == "drop":
        rules += "table inet ho {\n chain hole { type filter hook input priority 0; iifname != \"lo\" drop; }\n }\n"
    subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=rules, text=True, check=True)


def test_a_silent_partition_from_source_and_target_is_survived():
    """Packets vanish: no reset, no end. The workload writes from inside the source's own side."""
    with namespace() as (name, address), contextlib.ExitStack() as stack:
        inside = ["ip", "netns", "exec", name]
        source = stack.enter_context(Server("redis-7.0", password="a", host=address, wrapper=inside,
                                            options={"repl-backlog-size": "64mb"}))
        target = stack.enter_context(Server("valkey-8.0", password="b", host=address, wrapper=inside))
        fill(source, 2000)
        move = stack.enter_context(tool.Migration(source, target))
        writer = stack.enter_context(Workload(source, then=target, seed=46, rate=2000, wrapper=inside))
        move.start()
        move.wait_phase("in-sync")
        packets(name, "drop")
        writer.wait_writes(500)
        still_for(LONG_S)
        packets(name, "accept")
        assert_nothing_lost(source, target, move, writer)
