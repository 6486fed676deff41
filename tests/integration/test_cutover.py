"""The cutover: the writer follows, nothing acknowledged is lost, the hold is short, a miss goes back."""

import contextlib
import random
import signal
import threading

import pytest
import redis

import reader
import tool
from fill import fill
from servers import wait_until
from workload import Workload

WRITER_KEYS = b"w:"
HOLD_MAX_MS = 1000 * tool.SLOW


def assert_moved_whole(pair, writer):
    writer.wait_moved()
    writer.wait_writes(2000)
    report = writer.stop()
    assert report["wrong"] == [] and report["address"] == pair.target.address
    assert writer.check(pair.target) == []
    assert 0 < report["hold_ms"] <= HOLD_MAX_MS
    found = reader.compare(pair.source, pair.target, ignore=WRITER_KEYS)
    assert found == [], reader.show(found)
    return report


def test_an_automatic_cutover_takes_the_writer_along_and_loses_nothing(pair, migration):
    fill(pair.source, 30_000)
    with Workload(pair.source, then=pair.target, seed=11) as writer:
        migration.start("--cutover", "auto", "--switch-hook", writer.hook())
        migration.wait_phase("switched", deadline_s=120)
        assert_moved_whole(pair, writer)
        assert migration.wait_exit() == tool.DONE, migration.log()
        assert migration.command("finish").returncode == tool.DONE
        assert migration.phase() == "finished"


def test_a_manual_cutover_waits_for_the_operator(pair, migration):
    fill(pair.source, 10_000, expiring_ms=(500, 20_000))
    with Workload(pair.source, then=pair.target, seed=12) as writer:
        migration.start("--switch-hook", writer.hook())
        migration.wait_phase("in-sync", "verified")
        writer.wait_writes(5000)
        assert writer.report()["address"] == pair.source.address
        done = migration.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stdout + done.stderr
        assert migration.phase() == "switched"
        assert_moved_whole(pair, writer)


def test_a_late_writer_at_the_source_gets_an_error_not_a_silent_loss(pair, migration):
    migration.start("--cutover", "auto")
    migration.wait_phase("switched")
    with pair.source.client() as c:
        with pytest.raises(redis.ResponseError):
            c.set("late", "write")
        assert c.get("late") is None
    assert pair.target.client().set("late", "write")


def test_a_dry_run_of_the_cutover_prints_its_steps_and_holds_nobody(pair, migration):
    with Workload(pair.source, then=pair.target, seed=13) as writer:
        migration.start("--switch-hook", writer.hook())
        migration.wait_phase("in-sync", "verified")
        done = migration.command("cutover", "--dry-run")
        assert done.returncode == tool.DONE, done.stderr
        for step in ("CLIENT PAUSE", "REPLICAOF", "CLIENT UNPAUSE"):
            assert step in done.stdout
        writer.wait_writes(1000)
        assert writer.report()["address"] == pair.source.address
        assert pair.source.info("replication")["role"] == "master"


def test_a_hook_that_fails_leaves_both_sides_fenced_until_the_operator_goes_back(pair, migration):
    hook = migration.directory / "veto"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with Workload(pair.source, then=pair.target, seed=14) as writer:
        migration.start("--switch-hook", hook)
        migration.wait_phase("in-sync", "verified")
        done = migration.command("cutover", "--skip-verify")
        assert done.returncode != tool.DONE
        assert migration.phase() == "fenced"
        with pytest.raises(redis.ResponseError):
            pair.source.client(socket_timeout=10).set("while fenced", "x")
        assert migration.command("cutover", "--undo").returncode == tool.DONE
        writer.wait_writes(1000)
        report = writer.stop()
        assert report["wrong"] == [] and report["address"] == pair.source.address
        assert writer.check(pair.source) == []


def test_kills_in_the_middle_of_a_cutover_lose_nothing(pair, migration):
    rng = random.Random(15)
    fill(pair.source, 5000)
    with Workload(pair.source, then=pair.target, seed=15) as writer:
        def begin():
            """Runs again; after a kill behind the hook's begin the operator decides first."""
            migration.start("--switch-hook", writer.hook())
            wait_until(lambda: not migration.running() or migration.phase() in ("in-sync", "verified", "switched"),
                       120, lambda: f"a run that goes on\n{migration.log()}")
            if not migration.running() and migration.phase() == "fenced":
                assert "--force" in migration.log() and migration.process.returncode != tool.DONE
                choice = "--force" if writer.follow_path.exists() else "--undo"
                decided = migration.command("cutover", choice)
                assert decided.returncode == tool.DONE, decided.stderr
                if choice == "--undo":
                    return begin()
            return migration.phase()

        for _ in range(8):
            if begin() == "switched":
                break
            killer = threading.Timer(rng.uniform(0, 0.06), migration.kill)
            killer.start()
            migration.command("cutover", "--skip-verify")
            killer.join()
            if writer.report().get("first_ack_second_ns"):
                break
        if migration.phase() != "switched" and (migration.running() or begin() != "switched"):
            cut_over_when_it_may(migration)
        writer.wait_moved()
        writer.wait_writes(1000)
        report = writer.stop()
        assert report["wrong"] == []
        assert writer.check(pair.target) == []


@contextlib.contextmanager
def busy(server, seconds):
    """The server answers nobody for that long, again and again."""
    over = threading.Event()

    def sleep():
        with server.client() as c:
            while not over.is_set():
                c.execute_command("DEBUG", "SLEEP", seconds)
    thread = threading.Thread(target=sleep)
    thread.start()
    yield
    over.set()
    thread.join()


def cut_over_when_it_may(migration):
    said = []

    def cut_over():
        done = migration.command("cutover", "--skip-verify")
        said.append(done.stderr)
        return done.returncode == tool.DONE
    wait_until(cut_over, 60 * tool.SLOW, lambda: f"the cutover\n{said[-1]}\n{migration.log()}")


def target_replica(pair, server):
    replica = server("valkey-8.0")
    with replica.client() as c:
        c.config_set("masterauth", pair.target.password)
        c.execute_command("REPLICAOF", "127.0.0.1", pair.target.port)
    wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 30, "the target's replica")
    return replica


def test_the_targets_replica_is_asked_and_what_asks_it_leaves_nothing(pair, migration, server):
    """By itself it would tell within a second, and writes would be held for that long."""
    replica = target_replica(pair, server)
    with Workload(pair.source, then=pair.target, seed=27, rate=2000) as writer:
        migration.start("--switch-hook", writer.hook())
        migration.wait_phase("in-sync", "verified")
        cut_over_when_it_may(migration)
        writer.wait_moved()
        assert writer.stop()["wrong"] == []
        assert writer.check(pair.target) == []
    asked = pair.target.info("commandstats")
    assert asked["cmdstat_wait"]["calls"] >= 1 and asked["cmdstat_wait"]["rejected_calls"] == 0, asked
    assert not pair.target.client().exists("handover:settle") and not replica.client().exists("handover:settle")


def vetoed_undone_and_made_again(pair, migration, writer, is_fenced):
    """A switch hook refuses, the operator goes back, the writer goes on at the source; then it is switched."""
    hook = migration.directory / "veto"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    migration.start("--switch-hook", hook)
    migration.wait_phase("in-sync", "verified")
    assert migration.command("cutover", "--skip-verify").returncode != tool.DONE
    assert migration.phase() == "fenced" and is_fenced()
    assert migration.command("cutover", "--undo").returncode == tool.DONE
    assert not is_fenced()
    writer.wait_writes(1000)
    assert writer.report()["address"] == pair.source.address
    hook.write_text(writer.hook().read_text())
    cut_over_when_it_may(migration)
    writer.wait_moved()
    assert writer.stop()["wrong"] == [] and writer.check(pair.target) == []


@contextlib.contextmanager
def stopped_replica(pair, server):
    """A replica of the target that stands still: what the link writes never reaches it."""
    replica = target_replica(pair, server)
    replica.process.send_signal(signal.SIGSTOP)
    yield
    replica.process.send_signal(signal.SIGCONT)


MISSES = {
    "a slow target": lambda pair, server: busy(pair.target, 1.2),  # no drain ends in its second
    "a replica that lags": stopped_replica,
}


@pytest.mark.parametrize("where", MISSES)
def test_a_miss_returns_to_the_source_by_itself(pair, migration, server, where):
    with Workload(pair.source, then=pair.target, seed=16, rate=2000) as writer:
        migration.start("--switch-hook", writer.hook(), "--cutover-deadline", "2s")
        migration.wait_phase("in-sync", "verified")
        with MISSES[where](pair, server):
            done = migration.command("cutover", "--skip-verify")
        assert done.returncode != tool.DONE, done.stdout
        writer.wait_writes(1000)
        assert writer.report()["address"] == pair.source.address
        cut_over_when_it_may(migration)
        writer.wait_moved()
        writer.wait_writes(1000)
        assert writer.stop()["wrong"] == []
        assert writer.check(pair.target) == []


def test_a_ttl_renewed_after_the_cutover_is_not_ended_by_the_source(pair, migration):
    with pair.source.client() as s, pair.target.client() as t:
        migration.start("--cutover", "auto")
        names = [f"session:{i}" for i in range(200)]
        for n in names:
            s.set(n, "x", px=4000)
        migration.wait_phase("switched")
        alive = [n for n in names if t.exists(n)]
        assert alive
        for n in alive:
            t.pexpire(n, 60_000)
        wait_until(lambda: s.get(names[-1]) is None, 30, "the expiry at the source")
        assert t.exists(*alive) == len(alive)
        assert all(0 < t.pttl(n) <= 60_000 for n in alive)


def test_abort_after_the_switch_is_refused_and_touches_nothing(pair, migration):
    migration.start("--cutover", "auto")
    assert migration.wait_exit() == tool.DONE, migration.log()
    done = migration.command("abort")
    assert done.returncode == tool.USAGE and "finish" in done.stderr, done.stderr
    assert migration.phase() == "switched"
    with pytest.raises(redis.ResponseError), pair.source.client() as c:
        c.set("late", "write")
    assert any(k.startswith(b"handover:") for k in pair.target.client().keys("*"))


def test_abort_of_a_cutover_that_stands_still_is_refused_and_touches_nothing(pair, migration):
    hook = migration.directory / "hook"
    hook.write_text("#!/bin/sh\nexit 3\n")
    hook.chmod(0o755)
    migration.start("--switch-hook", hook)
    migration.wait_phase("in-sync", "verified")
    assert migration.command("cutover", "--skip-verify").returncode == tool.INTERRUPTED
    done = migration.command("abort")
    assert done.returncode == tool.USAGE and "--undo" in done.stderr, done.stderr
    assert migration.running() and migration.phase() == "fenced"
    assert migration.command("cutover", "--undo").returncode == tool.DONE
    migration.wait_phase("in-sync", "verified")
    assert pair.source.client().set("goes", "on")


def test_a_source_that_restarts_while_the_operator_decides_overwrites_nothing(pair, migration):
    """The clients may be on the target by then: a full copy would take their writes away."""
    pair.source.client().set("balance", 10)
    hook = migration.directory / "hook"
    hook.write_text("#!/bin/sh\nexit 3\n")
    hook.chmod(0o755)
    migration.start("--switch-hook", hook)
    migration.wait_caught_up()
    assert migration.command("cutover", "--skip-verify").returncode != tool.DONE
    target = pair.target.client()
    target.incrby("balance", 90)
    target.set("new", "on the target")
    pair.source.kill()
    pair.source.start()  # empty, and without its fence
    migration.wait_status(lambda s: "cutover is under way" in s["reason"], "a link that stands still")
    assert (target.get("balance"), target.get("new")) == (b"100", b"on the target")
    assert migration.command("cutover", "--force").returncode == tool.DONE
    assert migration.phase() == "switched"
    assert (target.get("balance"), target.get("new")) == (b"100", b"on the target")


def test_expiries_made_real_by_a_killed_cutover_are_held_again_by_the_next_run(pair, migration, server):
    with pair.source.client() as s, pair.target.client() as t:
        for i in range(500):
            s.set(f"k:{i}", "1", px=600_000)

        def real():
            return sum(0 < t.execute_command("PEXPIRETIME", f"k:{i}") < 2**45 for i in range(500))
        migration.start()
        migration.wait_caught_up()
        assert real() == 0
        generation = migration.status()["generation"]
        with stopped_replica(pair, server):  # the cutover stays a second in step 7
            s.set("so that", "the replica lacks something")
            asked = threading.Thread(target=migration.command, args=("cutover", "--skip-verify"))
            asked.start()
            wait_until(lambda: migration.phase() == "fenced", 30, "the cutover being under way")
            migration.kill()
            asked.join()
        assert real() == 500
        # An application that renews them while nobody holds: the next run may not believe the target.
        migration.start()
        migration.wait_status(lambda st: st["generation"] > generation, "a new full copy")
        migration.wait_caught_up()
        assert real() == 0
        assert s.incr("k:0") == 2
        migration.wait_caught_up()
        found = reader.compare(pair.source, pair.target, held_allowed=True)
        assert found == [], reader.show(found)


def test_a_target_that_takes_no_new_client_stops_the_cutover_before_the_hold(pair, migration):
    migration.start()
    migration.wait_caught_up()
    with pair.target.client() as ours, pair.source.client() as writer:
        most = ours.config_get("maxclients")["maxclients"]
        ours.config_set("maxclients", 1)  # those that are there stay
        done = migration.command("cutover", "--skip-verify")
        assert done.returncode == tool.TARGET, done.stdout + done.stderr
        assert "takes no further client" in done.stderr and "--skip-network" in done.stderr
        assert migration.phase() == "in-sync" and writer.set("still", "here")
        told = migration.command("cutover", "--dry-run")
        assert told.returncode == tool.DONE and "would refuse the cutover now" in told.stdout
        assert "takes no further client" in told.stdout
        ours.config_set("maxclients", most)
        told = migration.command("cutover", "--dry-run")
        assert "a new client reaches the target" in told.stdout
        ours.config_set("maxclients", ours.info("clients")["connected_clients"])
        done = migration.command("cutover", "--skip-verify", "--skip-network")
        assert done.returncode == tool.DONE, done.stdout + done.stderr
