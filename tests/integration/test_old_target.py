"""A target before 7.0: what it does not know is said in its own commands, or set aside by name."""

import contextlib
import random
import types

import pytest
import redis

import reader
import tool
from faults import assert_nothing_lost
from fill import encode, fill
from servers import wait_until
from test_rights import AsUser, denied, grant
from test_versions import OLD, OLD_MS
from workload import Workload

DAY_MS = 86_400_000


@contextlib.contextmanager
def moving(server, source, *options):
    pair = types.SimpleNamespace(source=server(source, password="source-pw", options={"repl-backlog-size": "64mb"}),
                                 target=server(OLD, password="target-pw"))
    with tool.Migration(pair.source, pair.target) as move, pair.source.client() as c:
        c.response_callbacks.clear()
        yield pair, move, c


def wait_applied(pair, move, c):
    c.execute_command("SET", "last", "1")
    wait_until(lambda: pair.target.client().get("last") == b"1", 20, move.log)


def show_equal(pair, but=()):
    found = [d for d in reader.compare(pair.source, pair.target, OLD_MS, held_allowed=True) if d.key not in but]
    assert found == [], reader.show(found)


RANDOM = random.Random(6)
PLACES = [("GEOADD", "places", RANDOM.uniform(5, 20), RANDOM.uniform(45, 55), f"p{i}") for i in range(200)]
BEFORE = [
    *PLACES,
    ("SET", "a", "1", "PX", 2 * DAY_MS),
    ("RPUSH", "l", *"abcdef"), ("PEXPIRE", "l", DAY_MS // 2),
    ("RPUSH", "one", "x"), ("PEXPIRE", "one", DAY_MS // 3),
    ("ZADD", "z", *[x for i in range(50) for x in (i * 1.1, f"m{i}")]),
    ("ZADD", "lex", *[x for i in range(50) for x in (0, f"m{i:03}")]),
    ("SADD", "s", "m1", "m2", "q"),
    *[("XADD", "x", f"{i}-1", "n", i) for i in range(1, 41)],
    *[("XADD", "long", f"{i}-1", "n", i) for i in range(1, 1301)],
    ("XGROUP", "CREATE", "x", "g", "0"),
]
MOVES = [(a, b) for a in ("LEFT", "RIGHT") for b in ("LEFT", "RIGHT")]
# What 6.0 does not know in this form, and what has another effect there.
NEWER = [
    ("SET", "b", "2", "EX", "90000"), ("SET", "b2", "2", "PXAT", "4000000000000"), ("SETEX", "b3", "1000", "v"), ("GETEX", "a", "PERSIST"),
    ("GETEX", "b", "EX", "1000000"), ("GETDEL", "b3"), ("MSETEX", "2", "ma", "1", "mb", "2", "EX", "3600000"),
    ("COPY", "a", "copy:a"), ("COPY", "b", "copy:b", "DB", "3", "REPLACE"), ("COPY", "l", "copy:l"), ("COPY", "x", "copy:x"),
    ("COPY", "z", "copy:z", "REPLACE"),
    *[command for way in MOVES for command in (("LMOVE", "l", "l2", *way), ("LMOVE", "copy:l", "copy:l", *way), ("LMOVE", "one", "one", *way))],
    ("RPUSH", "p", *map(str, range(20))), ("LPOP", "p", "3"), ("RPOP", "p", "2"), ("LPOP", "p"), ("RPUSH", "gone", "1", "2"), ("RPOP", "gone", "2"),
    ("ZADD", "z", "GT", "CH", "99", "m1", "0", "m2", "5", "new"), ("ZADD", "z", "LT", "1e308", "m3", "-inf", "m4", "0.1", "m5"),
    ("ZADD", "z", "XX", "GT", "+inf", "m6", "7", "no", "100.00000000000001", "m7"), ("ZADD", "z", "GT", "77", "m8"), ("ZADD", "z", "GT", "INCR", "5", "m9"),
    ("ZRANGESTORE", "r1", "z", "2", "20"), ("ZRANGESTORE", "r2", "z", "0", "5", "REV"), ("ZRANGESTORE", "r3", "z", "(3", "40", "BYSCORE", "LIMIT", "2", "7"),
    ("ZRANGESTORE", "r4", "z", "+inf", "(3", "BYSCORE", "REV", "LIMIT", "0", "9"), ("ZRANGESTORE", "r5", "lex", "[m003", "(m020", "BYLEX"),
    ("ZRANGESTORE", "r6", "lex", "+", "-", "BYLEX", "REV", "LIMIT", "3", "4"), ("ZRANGESTORE", "r1", "no key", "0", "-1"), ("ZRANGESTORE", "lex", "lex", "0", "10"),
    ("ZDIFFSTORE", "d1", "2", "z", "s"), ("ZDIFFSTORE", "d2", "2", "s", "z"), ("ZDIFFSTORE", "d3", "1", "s"), ("ZDIFFSTORE", "d1", "2", "z", "z"),
    ("GEOSEARCHSTORE", "g1", "places", "FROMMEMBER", "p1", "BYRADIUS", "300", "km"), ("GEORADIUS", "places", "13", "50", "200", "km", "STORE", "g2"),
    *[("GEOSEARCHSTORE", f"g:{i}", "places", "FROMLONLAT", RANDOM.uniform(5, 20), RANDOM.uniform(45, 55), "BYRADIUS", RANDOM.uniform(10, 900), "km",
       *(("DESC", "COUNT", "9") if i % 2 else ())) for i in range(60)],
    ("SET", "g6", "v"), ("GEOSEARCHSTORE", "g6", "no key", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "km"),
    ("ZADD", "g7", "1", "a"), ("GEORADIUS", "no key", "13", "50", "200", "km", "STORE", "g7"),
    ("XREADGROUP", "GROUP", "g", "anna", "COUNT", "5", "STREAMS", "x", ">"), ("XDEL", "x", "2-1"), ("XCLAIM", "x", "g", "bert", "0", "1-1", "2-1"),
    ("XDEL", "x", "3-1"), ("XAUTOCLAIM", "x", "g", "carl", "0", "0"), ("XGROUP", "CREATECONSUMER", "x", "g", "idle"),
    ("XGROUP", "CREATE", "x", "h", "$", "ENTRIESREAD", "3"), ("XGROUP", "SETID", "x", "h", "5-1", "ENTRIESREAD", "5"),
    ("XADD", "x", "MINID", "4", "50-1", "a", "b"), ("XADD", "x", "NOMKSTREAM", "MAXLEN", "~", "10", "LIMIT", "100", "51-1", "a", "b"),
    ("XTRIM", "x", "MINID", "=", "6-1"), ("XTRIM", "long", "MAXLEN", "~", "10", "LIMIT", "120"),
    ("XADD", "long", "MAXLEN", "~", "10", "LIMIT", "120", "2000-1", "a", "1"), ("XTRIM", "long", "MINID", "1200-1"),
    ("XSETID", "long", "3000-1", "ENTRIESADDED", "5000", "MAXDELETEDID", "1-1"),
    ("SET", "i", "1"), ("SET", "i", "3", "IFEQ", "1"), ("SET", "i", "4", "IFNE", "7"), ("FLUSHDB", "SYNC"),
]
ASIDE = [
    ("GEOSEARCHSTORE", "aside:box", "places", "FROMLONLAT", "13", "50", "BYBOX", "600", "600", "km"),
    ("GEORADIUS", "places", "13", "50", "900", "km", "COUNT", "5", "ANY", "STORE", "aside:any"),
    ("GEOSEARCHSTORE", "aside:far", "places", "FROMMEMBER", "p1", "BYRADIUS", "300", "km", "STOREDIST"),
]
LIBRARY = "#!lua name=shop\nredis.register_function('f', function() end)"


@pytest.mark.parametrize("source", ["redis-6.2", "redis-8.6", "valkey-9.1"])
def test_commands_it_does_not_know_have_their_effect(server, source):
    with moving(server, source) as (pair, move, c):
        for command in BEFORE:
            c.execute_command(*command)
        move.start("--flush-policy", "pass")
        move.wait_phase("in-sync")
        with pair.source.client(db=9) as other:
            other.set("flushed", 1)
        for command in NEWER:
            with contextlib.suppress(redis.ResponseError):  # this source may not know it either
                if command[0] == "FLUSHDB":
                    pair.source.client(db=9).execute_command(*command)
                else:
                    c.execute_command(*command)
        for key in ("z", "s", "l", "copy:x", "b"):  # in the payloads of the source's own version
            c.execute_command("RESTORE", f"restored:{key}", 3 * DAY_MS, c.execute_command("DUMP", key))
        wait_applied(pair, move, c)
        show_equal(pair)
        assert move.status()["quarantine"]["keys"] == 0, move.status()
        with pair.target.client() as t:
            assert t.client_kill_filter(_type="normal", skipme=True) > 0  # and after a new connection
        for i in range(200):
            c.execute_command("LMOVE", "p", "p", "LEFT", "RIGHT")
            c.execute_command("SET", f"k:{i}", i, "PX", 3 * DAY_MS)
        wait_applied(pair, move, c)
        show_equal(pair)


def test_what_it_cannot_do_is_set_aside_by_name_and_copied_by_value(server):
    with moving(server, "valkey-9.1") as (pair, move, c):
        for command in PLACES:
            c.execute_command(*command)
        c.execute_command("FUNCTION", "LOAD", LIBRARY)
        done = move.dry_run()
        assert done.returncode in tool.REFUSALS, done.stderr
        assert "preflight [functions]: the source has 1 library of functions, which the target does not know: 'shop'" in done.stderr, done.stderr
        move.start("--accept", "functions")
        move.wait_phase("in-sync")
        for command in ASIDE:
            c.execute_command(*command)
        c.execute_command("FUNCTION", "LOAD", LIBRARY.replace("shop", "cart").replace("'f'", "'g'"))
        wait_applied(pair, move, c)
        listed = move.command("quarantine", "list").stdout
        for name in ("'shop'", "'cart'", "'aside:box'", "'aside:any'", "'aside:far'"):
            assert name in listed, listed + move.log()
        assert pair.target.client().exists("aside:box", "aside:any", "aside:far") == 0
        done = move.command("quarantine", "retry")
        assert "3 copied" in done.stdout + done.stderr and "2 refused" in done.stdout + done.stderr, done
        show_equal(pair, but=(b"shop", b"cart"))


def test_the_rights_of_the_page_are_enough_for_a_whole_move(server):
    with moving(server, "valkey-9.1") as (pair, _, c):
        grant(pair.source, "source")
        grant(pair.target, "target", without="+function|list")
        for command in BEFORE:
            c.execute_command(*command)
        source, target = AsUser(pair.source), AsUser(pair.target)
        with tool.Migration(source, target) as move:
            move.start()
            move.wait_phase("in-sync")
            for command in NEWER:
                with contextlib.suppress(redis.ResponseError):
                    if command[0] != "FLUSHDB":
                        c.execute_command(*command)
            wait_applied(pair, move, c)
            code, _, done = tool.verify(source, target, "--workdir", move.workdir)
            assert code == tool.DONE, done.stderr
            for step in (("cutover",), ("finish", "--keep-fence")):
                done = move.command(*step)
                assert done.returncode == tool.DONE, (done.stdout, done.stderr)
        assert denied(pair.target) == [], denied(pair.target)


def test_no_key_is_ever_there_without_its_expiry_though_the_tool_is_killed(server):
    """All keys of the source expire: whatever a kill leaves on the target must as well."""
    rng = random.Random(66)
    with moving(server, "valkey-9.1") as (pair, move, c):
        for i in range(0, 20_000, 2000):
            c.connection_pool.get_connection("SET").send_packed_command(
                [b"".join(encode("SET", f"k:{n}", f"value {n}", "PX", 2 * DAY_MS) for n in range(i, i + 2000))])
        wait_until(lambda: c.execute_command("DBSIZE") == 20_000, 20, "the keys")

        def bare():
            with pair.target.client() as t:
                info = t.info("keyspace").get("db0", {"keys": 0, "expires": 0})
                return info["keys"] - info["expires"] - t.exists(*t.keys("handover:*") or ["none"])
        for _ in range(4):
            move.start()
            wanted = rng.randint(0, 15_000)
            wait_until(lambda: pair.target.client().dbsize() >= wanted or move.phase() == "in-sync", 30, move.log)
            for n in range(300):
                c.execute_command("SET", f"k:{rng.randrange(20_000)}", n, "PX", 2 * DAY_MS)
            move.kill()
            assert bare() == 0
        move.start()
        move.wait_caught_up()
        assert bare() == 0
        show_equal(pair)


def test_a_cutover_taken_back_holds_expiries_again(server):
    with moving(server, "valkey-9.1") as (pair, move, c):
        fill(pair.source, 3000, expiring_ms=(20_000, 60_000), functions=False)
        with Workload(pair.source, then=pair.target, seed=72) as writer:
            hook = move.directory / "veto"
            hook.write_text("#!/bin/sh\nexit 1\n")
            hook.chmod(0o755)
            move.start("--switch-hook", hook, "--accept", "backlog")
            move.wait_phase("in-sync", "verified")
            assert move.command("cutover", "--skip-verify").returncode != tool.DONE
            assert move.command("cutover", "--undo").returncode == tool.DONE
            writer.wait_writes(500)
            assert_nothing_lost(pair.source, pair.target, move, writer, tolerance_ms=OLD_MS)
            left = reader.read_keys(pair.target.client(), [f"string:1:{n}".encode() for n in range(25, 3000, 50)])
            assert left and all(e >= reader.HELD or e == -1 for _, e, _ in left.values()), left
