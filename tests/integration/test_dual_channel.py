"""Valkey's dual channel replication: the snapshot comes over a connection of its own, and what is written meanwhile goes
into the spool and not into the source's buffer."""

import os
import signal
import subprocess

import pytest

import tool
from faults import SOAK, assert_nothing_lost
from fill import fill
from servers import wait_until
from workload import Workload

DUAL = {"dual-channel-replication-enabled": "yes", "repl-diskless-sync": "yes", "repl-backlog-size": "64mb"}
SLOW_US = 400  # for each key of the snapshot
FEW = 3000
SNAPSHOT, STREAM = "handover-receiver-snapshot", "handover-receiver"
ENGINES = ("valkey-8.0", "valkey-8.1", "valkey-9.1")


def slow(source, keys=FEW):
    fill(source, keys)
    source.client().config_set("rdb-key-save-delay", SLOW_US)


def links(source):
    """Names of the connections of the link at the source, with their ids."""
    return {c["name"]: c["id"] for c in source.client().client_list() if c["name"].startswith(STREAM)}


def wait_both(source, move):
    """Snapshot and stream come at the same time, and some of both is here."""
    move.wait_status(lambda s: s["phase"] == "snapshot" and s["snapshot"]["dual_channel"]
                     and s["snapshot"]["received_bytes"] > 0, "the snapshot's own connection")
    wait_until(lambda: set(links(source)) == {SNAPSHOT, STREAM}, 30, "both connections")


@pytest.mark.parametrize("engine", ENGINES if SOAK else ENGINES[2:])
def test_a_whole_move_with_the_stream_flowing_beside_the_snapshot(server, engine):
    source, target = server(engine, password="a", options=DUAL), server("valkey-8.0", password="b")
    slow(source)
    with Workload(source, then=target, seed=81, rate=1000) as writer, tool.Migration(source, target) as move:
        writer.wait_writes(50)
        move.start("--switch-hook", writer.hook())
        wait_both(source, move)
        at = move.status()["stream"]["received_offset"]
        move.wait_status(lambda s: s["stream"]["received_offset"] > at and s["phase"] == "snapshot",
                         "the stream beside the snapshot")
        move.wait_phase("in-sync")
        assert set(links(source)) == {STREAM}, "the snapshot's connection is left open"
        assert move.status()["generation"] == 1
        writer.wait_writes(300)
        done = move.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stdout + done.stderr
        writer.wait_moved()
        assert writer.stop()["wrong"] == [] and writer.check(target) == []


@pytest.mark.parametrize("engine", ENGINES if SOAK else ENGINES[:1])
def test_every_interruption_in_turn_begins_the_snapshot_anew_and_loses_nothing(server, engine):
    source, target = server(engine, password="a", options=DUAL), server("valkey-8.0", password="b")
    slow(source)
    with Workload(source, then=target, seed=82, rate=1000) as writer, tool.Migration(source, target) as move:
        move.start()
        for cut in (SNAPSHOT, STREAM):
            wait_both(source, move)
            before = links(source)
            source.client().client_kill_filter(_id=before[cut])
            wait_until(lambda: not set(before.values()) & set(links(source).values()), 30, "both connections made anew")
        wait_both(source, move)
        move.kill()
        move.start()
        wait_both(source, move)
        move.wait_phase("in-sync")
        status = move.status()
        assert status["snapshot"]["dual_channel"]
        move.kill()
        writer.wait_writes(200)
        move.start()
        assert_nothing_lost(source, target, move, writer)
        assert move.status()["generation"] == status["generation"], "a full sync was made in the stream"


def test_a_second_connection_that_is_refused_leads_to_a_single_one(server):
    source, target = server("valkey-8.0", password="a", options=DUAL), server("valkey-8.0", password="b")
    fill(source, 1000)
    source.client().execute_command("ACL", "SETUSER", "default", "-sync")
    with Workload(source, then=target, seed=84, rate=1000) as writer, tool.Migration(source, target) as move:
        move.start()
        assert_nothing_lost(source, target, move, writer)
        assert not move.status()["snapshot"]["dual_channel"]


def test_a_stream_beyond_its_share_of_the_spool_waits_at_the_source_and_the_snapshot_goes_on(server):
    source, target = server("valkey-8.0", password="a", options=DUAL), server("valkey-8.0", password="b")
    slow(source)
    with source.client() as c, tool.Migration(source, target, ("--spool-max", "16M", *tool.accept("disk"))) as move:
        move.start()
        wait_both(source, move)
        big = "x" * 1_000_000
        for n in range(24):
            c.set(f"big:{n}", big + str(n))
        move.wait_status(lambda s: s["spool"]["full"], "the stream's share to be full")
        assert move.phase() == "snapshot"
        assert_nothing_lost(source, target, move)
        assert move.status()["generation"] == 1


def test_the_output_buffer_is_no_reason_where_the_spool_takes_the_stream(server):
    limits = {"client-output-buffer-limit": "replica 1mb 1mb 1", "repl-backlog-size": "16kb"}
    source, target = server("valkey-8.0", password="a", options={**DUAL, **limits}), server("valkey-8.0", password="b")
    source.client().config_set("repl-diskless-sync-delay", 600)  # the estimate of the snapshot's time
    with Workload(source, seed=85, rate=2000) as writer, tool.Migration(source, target, tool.accept("backlog")) as move:
        writer.wait_writes(200)
        done = move.dry_run()
        assert done.returncode == tool.DONE and "over a connection of its own" in done.stdout, done.stdout + done.stderr
        source.client().config_set("dual-channel-replication-enabled", "no")
        done = move.dry_run()
        assert done.returncode in tool.REFUSALS and "[output-buffer]" in done.stderr, done.stderr


@pytest.mark.soak  # 20 s of silence
def test_a_snapshot_that_stalls_while_the_stream_flows_is_given_up(server):
    """The saving process is frozen: only the silence of the snapshot's own connection tells."""
    source, target = server("valkey-8.0", password="a", options=DUAL), server("valkey-8.0", password="b")
    slow(source)
    with Workload(source, then=target, seed=86, rate=500) as writer, tool.Migration(source, target) as move:
        move.start()
        wait_both(source, move)
        child = int(subprocess.run(["pgrep", "-P", str(source.pid)], check=True, capture_output=True, text=True).stdout)
        os.kill(child, signal.SIGSTOP)
        before = set(links(source).values())
        wait_until(lambda: not before & set(links(source).values()), 60, "both connections made anew")
        os.kill(child, signal.SIGKILL)
        assert_nothing_lost(source, target, move, writer)
