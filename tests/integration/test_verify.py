"""Verification: it finds what is wrong, and only that, while writes go on."""

import pytest

import reader
import tool
from fill import fill
from workload import Workload

EXACT = ("--ttl-tolerance", "0")
FAR_MS = 4102444800000


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
