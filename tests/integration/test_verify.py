"""Verification: it finds what is wrong, and only that, while writes go on."""

import contextlib
import json
import re
import subprocess
import threading
import time
import types

import pytest

import reader
import tool
from fill import fill
from servers import peak_rss_bytes, wait_until
from workload import Workload

EXACT = ("--ttl-tolerance", "0")
FAR_MS = 4102444800000
HOLD_MS = 1 << 45


@pytest.fixture
def following(pair, migration):
    """A pair in sync with known keys for planting."""
    fill(pair.source, 20_000)
    with pair.source.client() as c:
        for i in range(10):
            c.set(f"plant:string:{i}", "value" * 20)
            c.set(f"plant:ttl:{i}", "x", pxat=FAR_MS)
            c.hset(f"plant:hash:{i}", mapping={"f": "v", "g": "w"})
            c.rpush(f"plant:list:{i}", "a", "b", "c")
            c.sadd(f"plant:set:{i}", "a", "b", "c")
            c.zadd(f"plant:zset:{i}", {"a": 1, "b": 2})
            for n in (1, 2, 3):
                c.xadd(f"plant:stream:{i}", {"n": n}, id=f"{n}-1")
            c.xgroup_create(f"plant:stream:{i}", "g", 0)
            c.xreadgroup("g", "anna", {f"plant:stream:{i}": ">"}, count=2)
    migration.start()
    migration.wait_caught_up()
    return pair


PLANTS = [
    ("DEL", "plant:string:0"), ("DEL", "plant:hash:0"), ("SET", "plant:extra:0", "x"), ("XADD", "plant:extra:1", "1-1", "a", "b"),
    ("SETRANGE", "plant:string:1", 50, "!"), ("APPEND", "plant:string:2", "x"), ("HSET", "plant:hash:1", "f", "V"),
    ("HDEL", "plant:hash:2", "g"), ("LSET", "plant:list:0", 1, "B"), ("RPUSH", "plant:list:1", "d"), ("SREM", "plant:set:0", "a"),
    ("SADD", "plant:set:1", "z"), ("ZADD", "plant:zset:0", 3, "b"), ("ZREM", "plant:zset:1", "a"),
    ("PERSIST", "plant:ttl:0"), ("PEXPIREAT", "plant:string:3", FAR_MS), ("PEXPIREAT", "plant:ttl:1", FAR_MS + 60_000),
    ("XDEL", "plant:stream:0", "3-1"), ("XGROUP", "DESTROY", "plant:stream:1", "g"), ("XCLAIM", "plant:stream:2", "g", "bert", 0, "1-1"),
    ("XACK", "plant:stream:3", "g", "2-1"), ("XGROUP", "SETID", "plant:stream:4", "g", "1-1"), ("RENAME", "plant:set:2", "plant:list:2"),
]


# Keys by class: RENAME makes one missing and one of another type.
DAMAGED = {"missing": 3, "extra": 2, "type": 1, "value": 15, "expiry": 3}


def damaged_keys(command):
    return [p for p in command if isinstance(p, str) and p.startswith("plant:")]


def test_equal_servers_are_found_equal_while_10_000_writes_a_second_run(following):
    with Workload(following.source, seed=31, rate=10_000, batch=32) as writer:
        writer.wait_writes(10_000)
        code, report, done = tool.verify(following.source, following.target)
        assert code == tool.DONE, done.stdout + done.stderr
        writer.wait_writes(1000)


def test_every_planted_difference_is_found_while_10_000_writes_a_second_run(following):
    with following.target.client() as t:
        t.response_callbacks.clear()
        for command in PLANTS:
            t.execute_command(*command)
    with Workload(following.source, seed=32, rate=10_000, batch=32) as writer:
        writer.wait_writes(5000)
        code, report, done = tool.verify(following.source, following.target, *EXACT)
        assert code == tool.FINDINGS, done.stdout + done.stderr
        assert {kind: n for kind, n in report["differences"].items() if n and kind != "expired-not-reaped"} == DAMAGED, done.stdout
        # The list is cut off per class; a key in it that nobody damaged would be a false alarm.
        assert {d["key"] for d in report["examples"]} <= {key for c in PLANTS for key in damaged_keys(c)}, done.stdout


def test_what_was_planted_is_repaired_through_the_running_move_under_writes(following, migration):
    with following.target.client() as t:
        t.response_callbacks.clear()
        for command in PLANTS:
            t.execute_command(*command)
    with Workload(following.source, then=following.target, seed=35, rate=2000) as writer:
        writer.wait_writes(1000)
        done = tool.handover("verify", "--source", following.source.url, "--target", following.target.url, "--workdir", migration.workdir,
                             "--repair", source=following.source, target=following.target, deadline_s=120)
        assert done.returncode in (tool.DONE, tool.FINDINGS), done.stdout + done.stderr  # a hot key may end as unsettled
        copied = int(re.search(r"repair: (\d+) keys copied again", done.stderr)[1])
        assert copied >= 24 and "copied again: '" in done.stderr, done.stderr  # one that only lagged may be among them
        report = writer.stop()
        migration.wait_caught_up()
        assert report["wrong"] == [] and writer.check(following.source) == []
    assert reader.compare(following.source, following.target, held_allowed=True) == []
    assert migration.status()["quarantine"]["keys"] == 0
    code, _, done = tool.verify(following.source, following.target, *EXACT)
    assert code == tool.DONE, done.stdout + done.stderr


def test_a_repair_needs_a_move_that_runs(following, migration):
    words = ["verify", "--source", following.source.url, "--target", following.target.url, "--repair"]
    done = tool.handover(*words, source=following.source, target=following.target)
    assert done.returncode == tool.USAGE and "--workdir" in done.stderr
    migration.kill()
    done = tool.handover(*words, "--workdir", migration.workdir, source=following.source, target=following.target)
    assert done.returncode == tool.USAGE and "migrate run --workdir" in done.stderr


def test_a_repair_leaves_what_a_merge_is_to_keep(pair):
    pair.target.client().set("theirs", "kept")
    with tool.Migration(pair.source, pair.target, list(tool.MERGE_TARGET)) as move:
        pair.source.client().set("ours", "1")
        move.start()
        move.wait_caught_up()
        pair.target.client().set("ours", "2")
        done = tool.handover("verify", "--source", pair.source.url, "--target", pair.target.url, "--workdir", move.workdir, "--repair",
                             source=pair.source, target=pair.target)
        assert done.returncode == tool.FINDINGS, done.stdout + done.stderr  # theirs is extra, and stays
        assert pair.target.client().mget("ours", "theirs") == [b"1", b"kept"]


def test_the_changed_owner_of_one_pending_entry_is_found(following):
    with following.target.client() as t:
        entry = t.xpending_range("plant:stream:7", "g", "-", "+", 1)[0]
        t.response_callbacks.clear()
        idle = entry["time_since_delivered"]
        t.execute_command("XCLAIM", "plant:stream:7", "g", "annb", 0, entry["message_id"], "IDLE", idle,
                          "RETRYCOUNT", entry["times_delivered"], "JUSTID")
    code, report, done = tool.verify(following.source, following.target)
    assert code == tool.FINDINGS and "plant:stream:7" in done.stdout, done.stdout + done.stderr


def test_verify_agrees_with_the_independent_reader(following):
    code, report, done = tool.verify(following.source, following.target, *EXACT)
    assert code == tool.DONE, done.stdout + done.stderr
    assert reader.compare(following.source, following.target, held_allowed=True) == []


def test_verify_changes_nothing_on_the_source(following, migration):
    migration.kill()
    before = reader.read_server(reader._address(following.source))
    offset = following.source.offset()
    assert tool.verify(following.source, following.target)[0] == tool.DONE
    assert reader.read_server(reader._address(following.source)) == before
    assert following.source.offset() == offset


@pytest.mark.parametrize("side, code", [("source", tool.SOURCE), ("target", tool.TARGET)])
def test_verify_names_the_side_that_does_not_answer(pair, side, code):
    getattr(pair, side).stop()
    assert tool.verify(pair.source, pair.target)[0] == code


# -- without a move: the target is a native replica that may be written to ---------------------------


def make_writable_replica(source, target):
    with target.client() as t:
        t.replicaof(source.host, source.port)
    wait_until(lambda: target.info("replication").get("master_link_status") == "up"
               and target.info("replication")["master_repl_offset"] >= source.offset(), 30, "the replica in sync")


@pytest.fixture
def replica(server):
    source = server("redis-7.0")
    target = server("valkey-8.0", options={"replica-read-only": "no"})
    fill(source, 5_000)
    make_writable_replica(source, target)
    return types.SimpleNamespace(source=source, target=target)


def counts(report):
    return {k: v for k, v in report["differences"].items() if v}


def plain(server, db=0):
    """A client that does not try to understand answers."""
    client = server.client(db=db)
    client.response_callbacks.clear()
    return client


def test_the_json_object_has_its_documented_fields(replica):
    code, report, done = tool.verify(replica.source, replica.target)
    assert code == tool.DONE, done.stdout + done.stderr
    assert report["result"] == "equal" and report["unsettled"] == 0 and report["examples"] == []
    assert set(report) == {"result", "keys", "differences", "unsettled", "examples", "functions", "databases", "bytes",
                           "began_ms", "interrupted", "seconds", "keys_per_s"}
    assert set(report["keys"]) == {"compared", "held", "rechecked", "large", "bookkeeping"}
    assert set(report["differences"]) == {"missing", "extra", "type", "value", "expiry", "expired-not-reaped"}
    assert report["keys"]["compared"] == 5_000
    assert [d["db"] for d in report["databases"]] == [0, 5]
    assert report["functions"]["source"] == report["functions"]["target"] == 2


def test_every_class_is_counted_in_both_directions_and_in_every_database(replica):
    now_ms = int(time.time() * 1000)
    with replica.source.client(db=5) as s:
        s.set("only:source", 1)
        s.set("kind", "text")
        s.set("value", "a" * 3000)
        s.set("ttl", 1, pxat=FAR_MS)
    with plain(replica.target, 5) as t:
        wait_until(lambda: t.execute_command("EXISTS", "ttl"), 10, "the stream")
        t.execute_command("REPLICAOF", "NO", "ONE")
        for command in (("DEL", "only:source"), ("DEL", "kind"), ("RPUSH", "kind", "x"), ("SETRANGE", "value", 2000, "b"),
                        ("SET", "ttl", 1, "PXAT", FAR_MS + 5000), ("SET", "only:target", 1),
                        ("SET", "gone", 1, "PXAT", now_ms - 5000 + HOLD_MS)):
            t.execute_command(*command)
    code, report, done = tool.verify(replica.source, replica.target)
    assert code == tool.FINDINGS
    assert counts(report) == {c: 1 for c in ("missing", "type", "value", "expiry", "extra", "expired-not-reaped")}, done.stdout
    assert {(x["class"], x["db"], x["key"]) for x in report["examples"]} == {
        ("missing", 5, "only:source"), ("type", 5, "kind"), ("value", 5, "value"), ("expiry", 5, "ttl"),
        ("extra", 5, "only:target"), ("expired-not-reaped", 5, "gone")}


def test_a_held_expiry_is_equal_and_counted(replica):
    with replica.source.client() as s:
        s.set("held", 1, pxat=FAR_MS)
    with plain(replica.target) as t:
        t.execute_command("REPLICAOF", "NO", "ONE")
        t.execute_command("SET", "held", 1, "PXAT", FAR_MS + HOLD_MS)
    code, report, done = tool.verify(replica.source, replica.target, *EXACT)
    assert code == tool.DONE, done.stdout + done.stderr
    assert report["keys"]["held"] == 1


def test_bookkeeping_on_the_target_is_left_out_and_counted(replica):
    with replica.target.client() as t:
        t.set("handover:checkpoint", 1)
    code, report, _ = tool.verify(replica.source, replica.target)
    assert code == tool.DONE and report["keys"]["bookkeeping"] == 1


def test_a_key_that_is_no_utf8_is_named_in_its_escaped_form(replica):
    with replica.target.client() as t:
        t.set(b"a\xff\\b", 1)
    code, report, _ = tool.verify(replica.source, replica.target)
    assert code == tool.FINDINGS
    assert [(x["key"], x["key_escaped"]) for x in report["examples"]] == [("a\\xff\\x5cb", True)]


def test_other_encodings_of_the_same_values_are_equal(replica):
    with replica.target.client() as t:
        t.replicaof("no", "one")
        for name in ("hash-max-listpack-entries", "set-max-intset-entries", "set-max-listpack-entries",
                     "zset-max-listpack-entries", "list-max-listpack-size"):
            t.config_set(name, 1)
        t.config_set("rdbcompression", "no")
        for db in (0, 5):
            with plain(replica.target, db) as d:
                for key in replica.source.client(db=db).scan_iter(count=1000):
                    kind = d.execute_command("TYPE", key)
                    if kind in (b"hash", b"set", b"zset", b"list"):
                        ttl = d.execute_command("PEXPIRETIME", key)
                        payload = d.execute_command("DUMP", key)
                        d.execute_command("RESTORE", key, max(ttl, 0), payload, "REPLACE", "ABSTTL")
    with plain(replica.target) as t:
        key = next(k for k in replica.source.client().scan_iter(b"hash:*", count=1000))
        assert t.execute_command("OBJECT", "ENCODING", key) == b"hashtable"
    assert tool.verify(replica.source, replica.target, *EXACT)[0] == tool.DONE


LARGE = {
    "big:hash": (lambda p, i: p.hset("big:hash", f"f{i}", "v" * 20), ("HSET", "big:hash", "f777", "x"), "field 'f777'"),
    "big:set": (lambda p, i: p.sadd("big:set", f"member:{i:020}"), ("SREM", "big:set", f"member:{7:020}"), f"member 'member:{7:020}'"),
    "big:zset": (lambda p, i: p.zadd("big:zset", {f"m{i}": i / 4}), ("ZADD", "big:zset", 9, "m9"), "member 'm9'"),
    "big:list": (lambda p, i: p.rpush("big:list", f"item {i:030}"), ("LSET", "big:list", 40_001, "x"), "items "),
    "big:stream": (lambda p, i: p.xadd("big:stream", {"n": i, "text": "t" * 20}, id=f"{i + 1}-1"),
                   ("XCLAIM", "big:stream", "g", "annb", 0, "777-1", "JUSTID"), "pending entries"),
}


def test_large_values_are_compared_element_by_element_in_constant_memory(replica):
    with replica.source.client() as s:
        for add, *_ in LARGE.values():
            p = s.pipeline(transaction=False)
            for i in range(60_000):
                add(p, i)
            p.execute()
        s.xgroup_create("big:stream", "g", 0)
        s.xreadgroup("g", "anna", {"big:stream": ">"}, count=30_000)
        s.execute_command("SETRANGE", "big:string", 200 << 20, "end")
    wait_until(lambda: replica.target.info("replication")["master_repl_offset"] >= replica.source.offset(), 60, "the stream")
    code, report, done = tool.verify(replica.source, replica.target)
    assert code == tool.DONE, done.stdout + done.stderr
    assert report["keys"]["large"] >= len(LARGE) + 1
    with plain(replica.target) as t:
        for _, damage, _ in LARGE.values():
            t.execute_command(*damage)
        t.execute_command("SETRANGE", "big:string", 150 << 20, "!")
    process = subprocess.Popen([tool.BIN, "verify", "--source", replica.source.url, "--target", replica.target.url, "--json"],
                               stdout=subprocess.PIPE, env=tool.environment())
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            peak = max(peak, peak_rss_bytes(process.pid))
        time.sleep(0.02)
    report = json.loads(process.stdout.read())
    assert counts(report) == {"value": len(LARGE) + 1}, report
    details = {x["key"]: x["detail"] for x in report["examples"]}
    for key, (_, _, where) in LARGE.items():
        assert where in details[key], details
    assert "bytes 157286400" in details["big:string"], details
    if tool.SLOW == 1:  # not of a sanitizer build
        assert 0 < peak <= 64 << 20


def test_a_real_difference_in_a_hot_hash_is_told_from_its_traffic(replica):
    with replica.target.client() as t:
        t.hset("hot", "planted", 1)
    stop = threading.Event()

    def write():
        with replica.source.client() as s:
            while not stop.is_set():
                p = s.pipeline(transaction=False)
                for i in range(50):
                    p.hset("hot", f"f{i}", time.time())
                    p.incr("counter")
                p.execute()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        code, report, done = tool.verify(replica.source, replica.target)
    finally:
        stop.set()
        writer.join()
    assert code == tool.FINDINGS and counts(report) == {"value": 1}, done.stdout + done.stderr
    assert report["examples"][0]["key"] == "hot" and "'planted' extra" in report["examples"][0]["detail"]


def test_a_key_that_changes_on_both_sides_by_itself_is_unsettled(replica):
    with replica.target.client() as t:
        t.replicaof("no", "one")
    stop = threading.Event()

    def write(server, prefix):
        with server.client() as c:
            n = 0
            while not stop.is_set():
                c.set("restless", f"{prefix}{n}")
                n += 1

    writers = [threading.Thread(target=write, args=a) for a in ((replica.source, "s"), (replica.target, "t"))]
    for w in writers:
        w.start()
    try:
        code, report, done = tool.verify(replica.source, replica.target)
    finally:
        stop.set()
        for w in writers:
            w.join()
    assert code == tool.FINDINGS, done.stdout + done.stderr
    assert [x["key"] for x in report["examples"]] == ["restless"]
    assert report["unsettled"] + report["differences"]["value"] == 1


def test_connections_killed_in_the_middle_are_made_again(replica):
    fill(replica.source, 60_000, seed=2)
    wait_until(lambda: replica.target.info("replication")["master_repl_offset"] >= replica.source.offset(), 60, "the stream")
    process = subprocess.Popen([tool.BIN, "verify", "--source", replica.source.url, "--target", replica.target.url, "--json"],
                               stdout=subprocess.PIPE, env=tool.environment())
    killed = 0
    sides = [plain(replica.source), plain(replica.target)]
    wait_until(lambda: "cmdstat_dump" in replica.target.info("commandstats"), 60, "a verification that has begun to read")
    while process.poll() is None and killed < 8:
        killed += sides[killed % 2].execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
        time.sleep(0.02)
    report = json.loads(process.stdout.read())
    assert process.wait() == tool.DONE, report
    assert report["keys"]["compared"] >= 65_000 and killed > 0


@pytest.mark.parametrize("right, code", [("-memory", tool.SOURCE), ("-function", tool.SOURCE), ("-scan", tool.SOURCE),
                                         ("-pexpiretime", tool.DONE), ("-dump", tool.DONE)])
def test_a_missing_right_is_named_or_done_without(replica, right, code):
    with plain(replica.source) as s:
        s.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", right)
    url = replica.source.url.replace("//", "//limited@")
    done = tool.handover("verify", "--source", url, "--target", replica.target.url, env={"HANDOVER_SOURCE_PASSWORD": "pw"})
    assert done.returncode == code, done.stdout + done.stderr
    if code != tool.DONE:
        assert right[1:].upper() in done.stderr and "+" + right[1:] in done.stderr
