"""Limits on a move: they are held, they react within a second, and they let go by themselves."""

import json
import signal
import threading
import time

import pytest

import reader
import tool
from fill import Feed, fill
from relay import Relay
from servers import wait_until

NO_LIMITS = {"ops_per_s": 0, "bytes_per_s": 0, "latency_ms": 0, "memory_percent": 0}
KEYS = 300_000


def strings(source, count, size=64, first=0):
    with Feed(source) as feed:
        for n in range(first, first + count):
            feed.send("SET", f"k:{n}", b"v" * size)


def keys_of(status):
    return status["snapshot"]["keys"]


def rate(migration, seconds, what=keys_of):
    """What moved in so many seconds, per second."""
    before, begun = what(migration.status()), time.monotonic()
    time.sleep(seconds)
    return (what(migration.status()) - before) / (time.monotonic() - begun)


def begun(migration, *options):
    migration.start(*options)
    migration.wait_status(lambda s: s.get("snapshot", {}).get("keys", 0) > 0, "the first keys")


def throttle(migration, *options):
    done = migration.command("throttle", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_ends_equal(pair, migration):
    migration.wait_caught_up()
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_a_limit_of_commands_is_held_in_the_snapshot_and_raised_at_once(pair, migration):
    strings(pair.source, KEYS)
    begun(migration, "--ops", "5000")
    assert rate(migration, 4) == pytest.approx(5000, rel=0.2)
    status = migration.status()
    assert status["throttle"]["limits"] == {**NO_LIMITS, "ops_per_s": 5000}
    assert status["throttle"]["reason"] == "ops"
    assert status["reason"] == "throttled to 5000 commands/s"
    assert status["activity"] == "moving"
    assert "commands/s" in throttle(migration, "--ops", "20000")
    time.sleep(1)
    assert rate(migration, 3) == pytest.approx(20000, rel=0.2)
    assert throttle(migration, "--off") == "limits: none\n"
    assert_ends_equal(pair, migration)
    assert "(throttled to " in migration.log(100_000)


def test_a_limit_of_bytes_is_held_in_the_stream(pair, migration):
    migration.start()
    migration.wait_caught_up()
    throttle(migration, "--bytes", "1M")
    strings(pair.source, 20_000, size=1000)
    time.sleep(0.5)
    sent = rate(migration, 4, lambda s: s["stream"]["applied_offset"])
    assert sent == pytest.approx(1024 * 1024, rel=0.2)
    assert migration.status()["throttle"]["reason"] == "bytes"
    assert migration.status()["lag"]["ms"] > 1000  # what waits is told, not hidden
    throttle(migration, "--bytes", "0")
    assert_ends_equal(pair, migration)


def test_limits_outlive_a_kill_of_the_run(pair, migration):
    strings(pair.source, KEYS)
    begun(migration)
    throttle(migration, "--ops", "2000")
    migration.kill()
    begun(migration)
    assert rate(migration, 3) == pytest.approx(2000, rel=0.15)
    assert migration.status()["throttle"]["limits"]["ops_per_s"] == 2000
    throttle(migration, "--off")
    assert_ends_equal(pair, migration)


def test_without_a_running_move_a_limit_is_refused_with_what_to_do(pair, migration):
    done = migration.command("throttle", "--ops", "1")
    assert done.returncode != tool.DONE
    assert "no process runs the move" in done.stderr


def test_a_latency_that_rises_slows_the_move_and_falling_lets_it_go(pair):
    strings(pair.source, KEYS)
    with Relay(pair.target) as relay, tool.Migration(pair.source, relay) as migration:
        begun(migration, "--ops", "10000", "--target-latency", "50ms")
        assert rate(migration, 2) > 5_000
        relay.delay_s = 0.12
        migration.wait_status(lambda s: s["throttle"]["reason"] == "latency", "the slow target seen", deadline_s=2)
        time.sleep(1)
        assert rate(migration, 2) < 1000
        status = migration.status()
        assert status["throttle"]["target_latency_ms"] > 50
        assert status["reason"].startswith("throttled: the target answers within")
        relay.delay_s = 0.0
        migration.wait_status(lambda s: s["throttle"]["reason"] == "ops", "full speed again", deadline_s=20)
        assert rate(migration, 2) > 5_000
        throttle(migration, "--off")
        assert_ends_equal(pair, migration)


def test_the_memory_limit_stops_before_the_target_refuses_and_goes_on_with_more(pair, migration):
    strings(pair.source, 150_000, size=1000)
    with pair.target.client() as c:
        c.config_set("maxmemory", "100mb")  # what a fast machine writes between two looks is a fifth of it
        c.config_set("maxmemory-policy", "noeviction")
    migration.start("--target-memory", "80", *tool.accept("target-memory"))
    migration.wait_status(lambda s: s.get("throttle", {}).get("reason") == "memory", "the full target seen")
    time.sleep(1.5)
    status = migration.status()
    assert 60 < status["throttle"]["target_memory_percent"] < 82  # early enough, by how fast the memory grew
    assert "of its memory, limit 80%" in status["reason"]
    assert status["activity"] == "held"
    time.sleep(2)  # just below the limit it goes on slowly, and never over it
    assert migration.status()["throttle"]["target_memory_percent"] < 82
    with pair.target.client() as c:
        assert "errorstat_OOM" not in c.info("errorstats")
        c.config_set("maxmemory", "400mb")
    assert_ends_equal(pair, migration)


def test_the_throttle_file_stops_the_writing_within_a_second_and_forbids_a_cutover(pair, migration):
    strings(pair.source, 5_000)
    migration.start()
    migration.wait_caught_up()
    flag = migration.workdir / "throttle"
    flag.touch()
    migration.wait_status(lambda s: s["throttle"]["reason"] == "file", "the file seen", deadline_s=1.5)
    strings(pair.source, 100, first=10_000)
    time.sleep(0.5)
    with pair.target.client() as c:
        assert c.exists("k:10000") == 0
    status = migration.status()
    assert status["reason"] == "throttled: the throttle file is there"
    assert status["activity"] == "held" and status["lag"]["bytes"] > 0
    done = migration.command("cutover", "--skip-verify")
    assert done.returncode != tool.DONE
    flag.unlink()
    with pair.target.client() as c:
        wait_until(lambda: c.exists("k:10099"), 1.5, "the write behind the file")
    assert_ends_equal(pair, migration)


def test_a_pause_stops_the_writing_within_a_second_and_is_the_reason(pair, migration):
    strings(pair.source, KEYS)
    begun(migration, "--ops", "20000")
    assert migration.command("pause").returncode == tool.DONE
    migration.wait_status(lambda s: s["reason"] == "paused by the operator", "the pause seen", deadline_s=1.5)
    assert rate(migration, 1) == 0
    assert migration.command("resume").returncode == tool.DONE
    time.sleep(0.5)
    assert rate(migration, 2) == pytest.approx(20000, rel=0.15)
    throttle(migration, "--off")
    assert_ends_equal(pair, migration)


def test_a_cutover_is_not_lengthened_by_a_limit(pair, migration):
    strings(pair.source, 2_000)
    migration.start("--ops", "200", "--lag-max", "30s")
    migration.wait_caught_up(deadline_s=90)
    stop = threading.Event()

    def write():
        with pair.source.client() as c:
            n = 0
            while not stop.is_set():
                try:
                    c.set("w", n)
                    n += 1
                except Exception:  # noqa: BLE001 the fence
                    return
                time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(3)
    done = migration.command("cutover", "--skip-verify")
    stop.set()
    writer.join()
    assert done.returncode == tool.DONE, done.stderr + migration.log()
    assert migration.status()["cutover"]["hold_ms"] < 1000


def test_a_stalled_target_is_told_from_an_idle_link(pair, migration):
    with pair.source.client() as c:
        c.config_set("repl-ping-replica-period", 1)
    strings(pair.source, 100)
    migration.start()
    migration.wait_caught_up()
    migration.wait_status(lambda s: s["activity"] == "idle", "nothing to do")
    time.sleep(3)
    assert migration.status()["activity"] == "idle" and migration.status()["reason"] == ""
    pair.target.process.send_signal(signal.SIGSTOP)
    try:
        strings(pair.source, 10, first=1000)
        status = migration.wait_status(lambda s: s["activity"] == "stalled", "the stall", deadline_s=25)
        assert status["reason"].startswith("stalled: nothing was applied by the target for")
        wait_until(lambda: "warning: stalled: nothing was applied by the target" in migration.log(), 5, "the warning")
    finally:
        pair.target.process.send_signal(signal.SIGCONT)
    assert_ends_equal(pair, migration)
    migration.wait_status(lambda s: s["activity"] == "idle", "nothing to do again")
    assert "the link is no longer stalled" in migration.log()
    assert json.dumps(migration.status()["throttle"]["limits"]) == json.dumps(NO_LIMITS)


def test_the_postpone_file_holds_an_automatic_cutover_until_it_is_gone(pair, migration):
    strings(pair.source, 1000)
    migration.workdir.mkdir(mode=0o700)
    postpone = migration.workdir / "postpone"
    postpone.touch()
    migration.start("--cutover", "auto", "--verify", "no")
    migration.wait_phase("in-sync")
    time.sleep(2)
    status = migration.status()
    assert status["phase"] == "in-sync" and status["cutover"]["postponed"]
    asked = migration.command("cutover", "--skip-verify")
    assert asked.returncode != tool.DONE and "postpone' holds the cutover" in asked.stderr
    postpone.unlink()
    assert migration.wait_exit() == tool.DONE
    assert migration.status()["phase"] == "switched"
