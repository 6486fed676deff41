"""Hashes whose fields expire one by one: carried, held while the link is behind, released at the cutover."""

import os
import types

import pytest

import reader
import tool
from faults import Repeatedly, still_for
from servers import wait_until

ENGINES = ("redis-8.0", "redis-8.6", "valkey-9.1")
TWO = [("redis-8.0", "valkey-9.1"), ("valkey-9.1", "redis-8.6")]
PAIRS = [(s, t) for s in ENGINES for t in ENGINES] if os.environ.get("HANDOVER_MATRIX") == "all" else TWO
LIFE_MS, HOUR_MS = 3000, 3_600_000
LARGE = 3000  # fields, more than one script looks at


def two(server, source, target):
    return types.SimpleNamespace(source=server(source, password="source-pw", options={"repl-backlog-size": "256mb"}),
                                 target=server(target, password="target-pw"))


@pytest.fixture(params=PAIRS, ids=[f"{s} to {t}" for s, t in PAIRS])
def any_pair(request, server):
    return two(server, *request.param)


@pytest.fixture
def pair(server):
    return two(server, "valkey-9.1", "valkey-9.1")


def raw(server):
    client = server.client()
    client.response_callbacks.clear()
    return client


def fields(client):
    """{key: {field: (value, expiry)}} of all hashes but the tool's own."""
    found = {}
    for key in scan(client):
        flat = client.execute_command("HGETALL", key)
        names = flat[::2]
        times = []
        for at in range(0, len(names), 500):
            some = names[at:at + 500]
            times += client.execute_command("HPEXPIRETIME", key, "FIELDS", len(some), *some)
        found[key] = {n: (v, t) for n, v, t in zip(names, flat[1::2], times)}
    return found


def scan(client):
    cursor = b"0"
    while True:
        cursor, keys = client.execute_command("SCAN", cursor, "COUNT", 500, "TYPE", "hash")
        yield from (k for k in keys if not k.startswith(reader.OWN_PREFIX))
        if int(cursor) == 0:
            return


def fill(c, hashes=300):
    pipe = c.pipeline(transaction=False)
    for n in range(hashes):
        pipe.execute_command("HSET", f"h:{n}", "stays", n, "near", n, "far", n)
        pipe.execute_command("HPEXPIRE", f"h:{n}", HOUR_MS + n, "FIELDS", 1, "near")
        pipe.execute_command("HPEXPIRE", f"h:{n}", 100 * HOUR_MS + n, "FIELDS", 1, "far")
    for n in range(LARGE):
        pipe.execute_command("HSET", "large", f"f:{n}", "v" * 20)
        if n % 3:
            pipe.execute_command("HPEXPIRE", "large", HOUR_MS + n, "FIELDS", 1, f"f:{n}")
    pipe.execute()


# A field of three seconds renewed every half one, in each way there is.
WAYS = {
    "hpexpire": lambda k: [("HPEXPIRE", k, LIFE_MS, "FIELDS", 1, "f")],
    "hsetex": lambda k: [("HSETEX", k, "PX", LIFE_MS, "FIELDS", 1, "f", "v")],
    "hgetex": lambda k: [("HGETEX", k, "PX", LIFE_MS, "FIELDS", 1, "f")],
    "persist": lambda k: [("HPEXPIRE", k, LIFE_MS, "FIELDS", 1, "f"), ("HPERSIST", k, "FIELDS", 1, "f")],
    "float": lambda k: [("HINCRBYFLOAT", k, "n", "0.5"), ("HPEXPIRE", k, LIFE_MS, "FIELDS", 2, "f", "n")],
    "xx": lambda k: [("HPEXPIRE", k, LIFE_MS, "XX", "FIELDS", 1, "f")],
}


def renewals(server):
    client = raw(server)
    for way in WAYS:
        client.execute_command("HSET", f"renewed:{way}", "f", "v", "n", "0", "other", "o")
        client.execute_command("HPEXPIRE", f"renewed:{way}", LIFE_MS, "FIELDS", 2, "f", "n")

    def renew_all():
        for way, commands in WAYS.items():
            for command in commands(f"renewed:{way}"):
                client.execute_command(*command)
    return Repeatedly(0.5, renew_all)


def test_fields_renewed_in_time_live_on_through_a_slow_snapshot_a_lag_and_the_cutover(any_pair):
    pair = any_pair
    with raw(pair.source) as s, raw(pair.target) as t, renewals(pair.source) as renewed, \
            tool.Migration(pair.source, pair.target) as move:
        fill(s)
        s.execute_command("CONFIG", "SET", "rdb-key-save-delay", 6_000_000 // 300)
        move.start()
        move.wait_phase("catching-up", "in-sync", deadline_s=60)
        assert renewed.count > 8, "the snapshot was too quick to show anything"
        held = fields(t)[b"h:0"]
        assert held[b"near"][1] > reader.HELD and 0 < held[b"far"][1] < reader.HELD and held[b"stays"][1] == -1
        assert move.command("pause").returncode == tool.DONE
        s.execute_command("HSETEX", "h:1", "PX", HOUR_MS, "FIELDS", 1, "new", "1")
        s.execute_command("HPEXPIRE", "h:2", HOUR_MS, "NX", "FIELDS", 2, "stays", "near")
        s.execute_command("RENAME", "h:3", "h:renamed")
        s.execute_command("COPY", "h:4", "h:copied")
        s.execute_command("HSET", "h:5", "near", "again")
        s.execute_command("HPEXPIRE", "h:6", 1, "FIELDS", 1, "near")
        still_for(4)
        assert move.command("resume").returncode == tool.DONE
        move.wait_caught_up()
        renewed.stop()
        for way in WAYS:
            s.execute_command("HPEXPIRE", f"renewed:{way}", 60_000, "XX", "FIELDS", 2, "f", "n")
        move.wait_caught_up()
        done = move.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stderr
        assert move.status()["quarantine"]["keys"] == 0
        source, target = fields(s), fields(t)
        for way in WAYS:
            assert b"f" in target[f"renewed:{way}".encode()], (way, renewed.count)
        assert {k: v for k, v in source.items() if v != target.get(k)} == {}
        assert source.keys() == target.keys() and b"near" not in target[b"h:6"]
        assert move.command("finish", "--keep-fence").returncode == tool.DONE


def test_a_verification_takes_the_hold_off_and_finds_a_wrong_expiry(pair):
    with raw(pair.source) as s, raw(pair.target) as t, tool.Migration(pair.source, pair.target) as move:
        fill(s, 50)
        move.start()
        move.wait_phase("in-sync")
        move.wait_caught_up()
        assert fields(t)[b"h:0"][b"near"][1] > reader.HELD
        urls = ("--source", pair.source.url, "--target", pair.target.url)
        done = tool.handover("verify", *urls, source=pair.source, target=pair.target)
        assert done.returncode == tool.DONE, done.stdout + done.stderr
        t.execute_command("HPERSIST", "h:7", "FIELDS", 1, "near")
        done = tool.handover("verify", *urls, source=pair.source, target=pair.target)
        assert done.returncode == tool.FINDINGS and "h:7" in done.stdout, done.stdout
        move.kill()


def test_a_run_that_was_killed_goes_on_and_an_abort_says_what_stays_held(pair):
    with raw(pair.source) as s, raw(pair.target) as t, tool.Migration(pair.source, pair.target) as move:
        fill(s)
        for n in range(4):
            move.start()
            move.wait_phase("in-sync")
            for k in range(200):
                s.execute_command("HSETEX", f"h:{k}", "PX", HOUR_MS, "FIELDS", 1, f"round:{n}", n)
            move.kill()
        move.start()
        move.wait_phase("in-sync")
        move.wait_caught_up()
        done = move.command("abort")
        assert done.returncode == tool.DONE and "held" in done.stdout, done.stdout + done.stderr
        released = {key: {name: (value, at % reader.HELD if at > 0 else at) for name, (value, at) in hash.items()}
                    for key, hash in fields(t).items()}
        assert fields(s) == released


def test_an_undone_cutover_holds_them_again(pair):
    with raw(pair.source) as s, raw(pair.target) as t, tool.Migration(pair.source, pair.target) as move:
        fill(s, 50)
        (move.directory / "hook").write_text("#!/bin/sh\nexit 1\n")
        (move.directory / "hook").chmod(0o755)
        move.start("--switch-hook", move.directory / "hook")
        move.wait_phase("in-sync")
        assert move.command("cutover", "--skip-verify").returncode != tool.DONE
        done = move.command("cutover", "--undo")
        assert done.returncode == tool.DONE, done.stderr
        move.wait_phase("in-sync", "catching-up")
        wait_until(lambda: fields(t)[b"h:0"][b"near"][1] > reader.HELD, 10, move.log)
        assert fields(t)[b"large"][b"f:1"][1] > reader.HELD
        move.kill()


def test_what_would_compare_with_a_held_time_is_set_aside_by_name(pair):
    with raw(pair.source) as s, tool.Migration(pair.source, pair.target) as move:
        fill(s, 10)
        move.start()
        move.wait_phase("in-sync")
        s.execute_command("HPEXPIRE", "h:1", 2 * HOUR_MS, "GT", "FIELDS", 1, "near")
        dump = s.execute_command("DUMP", "h:2")
        s.execute_command("RESTORE", "restored", 0, dump)
        s.execute_command("SET", "last", "1")
        wait_until(lambda: pair.target.client().get("last") == b"1", 20, move.log)
        listed = move.command("quarantine", "list").stdout
        assert "'h:1'" in listed and "'restored'" in listed, listed
        assert move.command("quarantine", "retry").returncode == tool.DONE  # by value, at their place
        move.wait_caught_up()
        assert move.status()["quarantine"]["keys"] == 0
        done = move.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stderr
        assert fields(s) == fields(raw(pair.target))
