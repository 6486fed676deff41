"""Expiries behind a long way: what is renewed in time lives on, however late the renewal is applied."""

import reader
import tool
from faults import Clock, Repeatedly, still_for
from fill import Feed, fill
from servers import wait_until

SNAPSHOT_S, LAG_S, LIFE_MS = 20, 10, 3000

# How each key is kept alive: name, its first value, what renews it, what it holds after n renewals.
RENEWED = (
    ("pexpire", "v", lambda k: [("PEXPIRE", k, LIFE_MS)], lambda n: "v"),
    ("set", "v", lambda k: [("SET", k, "v", "PX", LIFE_MS)], lambda n: "v"),
    ("incr", "0", lambda k: [("INCR", k), ("PEXPIRE", k, LIFE_MS)], str),
    ("append", "v", lambda k: [("APPEND", k, "x"), ("PEXPIRE", k, LIFE_MS)], lambda n: "v" + "x" * n),
    ("getex", "v", lambda k: [("GETEX", k, "PX", LIFE_MS)], lambda n: "v"),
    ("keepttl", "v", lambda k: [("SET", k, "w", "KEEPTTL"), ("PEXPIRE", k, LIFE_MS)], lambda n: "w"),
    ("persist", "v", lambda k: [("PEXPIRE", k, LIFE_MS), ("PERSIST", k)], lambda n: "v"),
)


def renewals(server):
    """Renews every second; the keys are there from now on."""
    client = server.client()
    for name, first, _, _ in RENEWED:
        client.execute_command("SET", name, first, "PX", LIFE_MS)

    def renew_all():
        for name, _, renew, _ in RENEWED:
            for command in renew(name):
                client.execute_command(*command)
    return Repeatedly(1, renew_all)


def test_keys_of_three_seconds_renewed_every_second_survive_a_snapshot_of_twenty_and_a_lag_of_ten(pair, migration):
    fill(pair.source, 2000, functions=False)
    with pair.source.client() as s, renewals(pair.source) as renewed:
        s.config_set("rdb-key-save-delay", SNAPSHOT_S * 1_000_000 // 2000)
        migration.start("--accept", "output-buffer")
        migration.wait_phase("catching-up", "in-sync", deadline_s=60)
        assert renewed.count > SNAPSHOT_S - 5, "the snapshot was too quick to show anything"
        assert migration.command("pause").returncode == tool.DONE
        still_for(LAG_S)
        assert migration.command("resume").returncode == tool.DONE
        migration.wait_caught_up()
        renewed.stop()
        for name, *_ in RENEWED:
            s.pexpire(name, 60_000) if name != "persist" else s.persist(name)
        migration.wait_caught_up()
        done = migration.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stderr
    with pair.target.client() as t:
        for name, _, _, holds in RENEWED:
            assert t.get(name) == holds(renewed.count).encode(), (name, renewed.count)
    found = reader.compare(pair.source, pair.target)
    assert found == [], reader.show(found)


def test_what_expires_on_the_source_behind_the_cutover_is_not_deleted_on_the_target(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    with pair.source.client() as s, pair.target.client() as t:
        s.set("renewed", "1", px=4000)
        s.set("not renewed", "1", px=4000)
        migration.wait_caught_up()
        assert migration.command("cutover", "--skip-verify").returncode == tool.DONE
        assert t.persist("renewed") == 1
        assert migration.command("finish").returncode == tool.DONE  # takes the fence away: the source expires again
        wait_until(lambda: not s.exists("renewed") and not t.exists("not renewed"), 10, "both being over on the source")
        assert t.get("renewed") == b"1"


def test_relative_times_in_the_stream_count_from_the_clock_of_the_source(server):
    """Engines before 7.0 send them; here a 7.0 is made to (DEBUG REPLICATE), 30 s ahead of everybody."""
    life_ms, ahead_s = 600_000, 30
    with Clock(ahead_s) as clock:
        source = server("redis-7.0", password="a", env=clock.environment, options={"repl-backlog-size": "64mb"})
        target = server("valkey-8.0", password="b")
        source.client().set("pexpire", "v")
        with tool.Migration(source, target) as move, source.client() as s, target.client() as t:
            move.start("--accept", "clock-skew")
            move.wait_caught_up()
            until = int(s.time()[0] * 1000) + life_ms
            for command in (("PEXPIRE", "pexpire", life_ms), ("EXPIRE", "pexpire", life_ms // 1000),
                            ("SETEX", "setex", life_ms // 1000, "v"), ("SET", "px", "v", "PX", life_ms)):
                s.execute_command("DEBUG", "REPLICATE", *command)
            move.wait_caught_up()
            for key in ("pexpire", "setex", "px"):
                assert abs(t.execute_command("PEXPIRETIME", key) - reader.HELD - until) < 3000, key


def test_the_preflight_counts_the_memory_of_expiries(pair, migration):
    with Feed(pair.source) as feed:
        for n in range(20_000):
            feed.send("SET", f"k:{n}", "v", "PX", 600_000)
    pair.target.client().config_set("maxmemory", 2 << 20)
    done = migration.dry_run()
    assert done.returncode == tool.TARGET, done.stderr
    assert "820.3 kB of it for the expiries of 20000 keys" in done.stderr, done.stderr
