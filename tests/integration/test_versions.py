"""Whole moves between engines of every version, also to older ones: every type, under writes.

`make matrix` runs all pairs (HANDOVER_MATRIX=all); the ordinary test twelve of them."""

import contextlib
import os
import types

import pytest
import redis

import reader
import tool
from fill import fill
from servers import version_of, wait_until
from workload import Workload

OLD = "redis-6.0"
OLD_MS = 2000  # before 7.0 expiries are sent as what is left, and read as what is left
ENGINES = (OLD, "redis-6.2", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.0", "valkey-8.1", "valkey-9.1")
SOME = (("redis-5.0", "valkey-9.1"), ("redis-6.0", "valkey-8.1"), ("redis-7.0", "valkey-9.1"), ("redis-8.0", "valkey-8.1"), ("redis-8.6", "valkey-8.0"), ("redis-8.6", "valkey-9.1"),
       ("redis-8.6", "redis-7.0"), ("valkey-8.1", OLD), ("valkey-9.1", "valkey-8.0"), ("valkey-9.1", "redis-8.6"),
       ("redis-8.0", "redis-8.6"), ("valkey-8.0", "redis-8.0"))
ALL = tuple((s, t) for s in ("redis-5.0", *ENGINES) for t in ENGINES)
PAIRS = ALL if os.environ.get("HANDOVER_MATRIX") == "all" else SOME
FIELDS_EXPIRE = {"redis-8.0", "redis-8.6", "valkey-9.1"}


@contextlib.contextmanager
def two(server, source, target):
    pair = types.SimpleNamespace(source=server(source, password="source-pw", options={"repl-backlog-size": "256mb"}),
                                 target=server(target, password="target-pw"))
    yield pair


@pytest.mark.parametrize("source, target", PAIRS, ids=[f"{s} to {t}" for s, t in PAIRS])
def test_every_type_moves_whole_under_writes_from(server, source, target):
    with two(server, source, target) as pair:
        fill(pair.source, 6000, expiring_ms=(3_000, 40_000), functions=version_of(target) >= (7, 0))
        with Workload(pair.source, then=pair.target, seed=61) as writer, tool.Migration(pair.source, pair.target) as move:
            move.start("--cutover", "auto", "--switch-hook", writer.hook())
            move.wait_phase("switched", deadline_s=120)
            writer.wait_moved()
            writer.wait_writes(500)
            report = writer.stop()
            assert report["wrong"] == [] and report["address"] == pair.target.address
            assert writer.check(pair.target) == []
            found = reader.compare(pair.source, pair.target, OLD_MS if min(version_of(source), version_of(target)) < (7, 0) else 0, ignore=b"w:")
            assert found == [], reader.show(found)
            assert move.wait_exit() == tool.DONE, move.log()
            assert move.command("finish").returncode == tool.DONE


# What only some engines say, and a key that shows the effect.
NEWER = [
    (("HSETEX", "h", "FIELDS", "2", "f", "1", "g", "2"), "redis-8.6"),
    (("HINCRBYFLOAT", "h", "f", "0.5"), "redis-8.6"),
    (("HGETDEL", "h", "FIELDS", "1", "g"), "valkey-9.1"),
    (("MSETEX", "2", "{m}a", "1", "{m}b", "2", "EX", "3600"), "redis-8.6"),
    (("MSETEX", "1", "{m}c", "1"), "valkey-9.1"),
    (("XDELEX", "x", "IDS", "1", "2-1"), "redis-8.6"),
    (("XADD", "x", "IDMP", "maker", "one", "*", "n", "1"), "redis-8.6"),
    (("XCFGSET", "x", "IDMP-DURATION", "100", "IDMP-MAXSIZE", "10"), "redis-8.6"),
]
# What a primary sends and takes from nobody but its own.
TRIMS = [("XTRIM", "long", "MAXLEN", "~", "10", "LIMIT", "120"), ("XADD", "long", "MAXLEN", "~", "10", "LIMIT", "120", "2000-1", "n", "1")]


@pytest.mark.parametrize("target", ["redis-7.0", "valkey-8.1", "redis-8.6"])
@pytest.mark.parametrize("source", ["redis-8.6", "valkey-9.1"])
def test_newer_commands_of_the_stream_have_their_effect_on_any_target(server, source, target):
    with two(server, source, target) as pair, pair.source.client() as c:
        c.response_callbacks.clear()
        for i in range(1, 4):
            c.execute_command("XADD", "x", f"{i}-1", "n", i)
        for i in range(1, 401):
            c.execute_command("XADD", "long", f"{i}-1", "n", i)
        c.execute_command("HSET", "h", "f", "1", "g", "2", "k", "3")
        with contextlib.suppress(redis.ResponseError):  # a stream that remembers its producers
            for n in range(3):
                c.execute_command("XADD", "y", "IDMP", "maker", f"message:{n}", "*", "n", n)
            c.execute_command("XGROUP", "CREATE", "y", "g", "0")
            c.execute_command("XREADGROUP", "GROUP", "g", "anna", "COUNT", "2", "STREAMS", "y", ">")
        with tool.Migration(pair.source, pair.target) as move:
            move.start()
            move.wait_phase("in-sync")
            for command, needs in NEWER:
                if needs == source or not needs.startswith(source[:5]):
                    with contextlib.suppress(redis.ResponseError):  # the other engine may not have it
                        c.execute_command(*command)
            for command in TRIMS:
                c.execute_command(*command)
            assert c.execute_command("XLEN", "long") == 201
            for key in ("x", "long"):  # in the payload of the source's version
                c.execute_command("RESTORE", f"{key}:again", "0", c.execute_command("DUMP", key))
            c.execute_command("SET", "last", "1")
            wait_until(lambda: pair.target.client().get("last") == b"1", 20, move.log)
            found = reader.compare(pair.source, pair.target, held_allowed=True)
            assert found == [], reader.show(found)
            assert move.status()["quarantine"]["keys"] == 0, move.status()
            move.kill()


@pytest.mark.parametrize("target", ["valkey-8.1", "redis-7.0"])
@pytest.mark.parametrize("source", sorted(FIELDS_EXPIRE))
def test_hashes_whose_fields_expire_are_named_before_and_set_aside(server, source, target):
    with two(server, source, target) as pair, pair.source.client() as c:
        fill(pair.source, 500)
        for key in ("aside:1", "aside:2"):
            c.hset(key, mapping={"f": 1, "g": 2})
            c.execute_command("HPEXPIRE", key, 3_600_000, "FIELDS", 1, "f")
        with tool.Migration(pair.source, pair.target) as move:
            done = move.dry_run()
            assert done.returncode in tool.REFUSALS and "preflight [field-expiry]: the source has 2 hashes" in done.stderr
            move.start("--accept", "field-expiry")
            move.wait_phase("in-sync")
            c.hset("later", mapping={"f": 1, "g": 2})
            c.execute_command("HPEXPIRE", "later", 3_600_000, "FIELDS", 1, "f")
            c.execute_command("SET", "last", "1")
            wait_until(lambda: pair.target.client().get("last") == b"1", 20, move.log)
            listed = move.command("quarantine", "list")
            assert listed.returncode == tool.DONE
            for key in ("aside:1", "aside:2", "later"):
                assert key in listed.stdout, listed.stdout + move.log()
            move.kill()  # what was set aside is kept before the checkpoint goes past it
            assert "later" in move.command("quarantine", "list").stdout
        found = reader.compare(pair.source, pair.target, held_allowed=True, ignore=b"later")
        assert {d.key for d in found} == {b"aside:1", b"aside:2"}, reader.show(found)


def test_what_is_built_into_an_engine_is_no_module_and_vector_sets_are_named(server):
    with two(server, "redis-8.6", "valkey-8.1") as pair, pair.source.client() as c:
        c.set("a", 1)
        with tool.Migration(pair.source, pair.target) as move:
            assert move.dry_run().returncode == tool.DONE
            c.execute_command("VADD", "v", "VALUES", 2, 1, 2, "e")
            done = move.dry_run()
            assert done.returncode in tool.REFUSALS and "preflight [vector-sets]" in done.stderr, done.stderr
            move.start("--accept", "vector-sets")
            move.wait_phase("in-sync")
            c.execute_command("VADD", "w", "VALUES", 2, 1, 2, "e")
            c.set("last", 1)
            wait_until(lambda: pair.target.client().get("last") == b"1", 20, move.log)
            listed = move.command("quarantine", "list").stdout
            assert "'v'" in listed and "'w'" in listed, listed
            assert pair.target.client().dbsize() == 3  # with the checkpoint
            move.kill()
