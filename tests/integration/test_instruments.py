"""The measuring instruments themselves: what they must find is planted, what they must accept is done."""

import contextlib

import pytest
import redis

import reader
from fill import fill
from servers import wait_until
from workload import Workload


def replicate(source, target):
    with target.client() as c:
        c.execute_command("REPLICAOF", source.host, source.port)
        wait_until(lambda: c.info("replication").get("master_link_status") == "up", 60, "the replica's link")
        offset = source.offset()
        wait_until(lambda: c.info("replication")["slave_repl_offset"] >= offset, 60, "the replica's offset")
        c.execute_command("REPLICAOF", "NO", "ONE")


@pytest.fixture
def twins(server):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 3000, seed=3)
    replicate(source, target)
    return source, target


def test_the_reader_finds_nothing_between_a_source_and_its_own_replica(twins):
    assert reader.compare(*twins) == []


STREAM = "stream:plant"
PLANTS = {
    "missing": [("DEL", "plant:string")],
    "extra": [("SET", "plant:more", "x")],
    "type": [("DEL", "plant:string"), ("HSET", "plant:string", "f", "v")],
    "value": [("SETRANGE", "plant:string", 1, "!")],
    "expiry": [("PEXPIREAT", "plant:ttl", 4102444800001)],
    "held": [("PEXPIREAT", "plant:ttl", 4102444800000 + reader.HELD)],
    "stream-meta": [("XSETID", STREAM, "9-9")],
    "stream-entries": [("XDEL", STREAM, "2-1"), ("XADD", STREAM, "4-1", "n", "x")],
    "stream-group": [("XGROUP", "SETID", STREAM, "g", "1-1")],
    "stream-consumer": [("XGROUP", "CREATECONSUMER", STREAM, "g", "carl")],
    "stream-pending": [("XCLAIM", STREAM, "g", "bert", 0, "1-1")],
    "function": [("FUNCTION", "DELETE", "cart")],
}


@pytest.mark.parametrize("kind", reader.CLASSES)
def test_the_reader_names_a_planted_difference_of_class(twins, kind):
    source, target = twins
    with source.client() as s:
        s.set("plant:string", "value")
        s.set("plant:ttl", "v", pxat=4102444800000)
        for n in (1, 2, 3):
            s.xadd(STREAM, {"n": n}, id=f"{n}-1")
        s.xgroup_create(STREAM, "g", 0)
        s.xreadgroup("g", "anna", {STREAM: ">"}, count=2)
        s.execute_command("XGROUP", "CREATECONSUMER", STREAM, "g", "bert")
    replicate(source, target)
    assert reader.compare(source, target) == []
    with target.client() as t:
        for command in PLANTS[kind]:
            t.execute_command(*command)
    found = reader.compare(source, target)
    assert kind in {d.kind for d in found}, reader.show(found)
    assert all(b"plant" in d.key or d.kind == "function" for d in found), reader.show(found)


def test_the_reader_accepts_a_held_expiry_when_told_and_ignores_the_products_own_keys(twins):
    source, target = twins
    with source.client() as s, target.client() as t:
        s.set("plant:ttl", "v", pxat=4102444800000)
        t.set("plant:ttl", "v")
        t.execute_command("PEXPIREAT", "plant:ttl", 4102444800000 + reader.HELD)
        t.set("handover:checkpoint", "1")
    assert reader.compare(source, target, held_allowed=True) == []
    assert [d.kind for d in reader.compare(source, target)] == ["held"]


def test_the_writer_agrees_with_its_server_after_lost_connections(server):
    one = server("redis-7.0", password="pw")
    with Workload(one, seed=5) as w:
        for _ in range(20):
            w.wait_writes(200)
            with one.client() as c:
                c.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        w.wait_writes(200)
        report = w.stop()
        assert report["wrong"] == [] and report["lost"] > 0 and report["unknown"] == 0
        assert w.check(one) == []


@pytest.mark.parametrize("damage", [
    ("INCR", "w:counter:{KEY}:n"), ("RPOP", "w:list:{KEY}:a"), ("DEL", "w:account:{KEY}:a1"),
    ("ZINCRBY", "w:zset:{KEY}:z", "1", "p1"), ("SADD", "w:set:{KEY}:a", "ghost"), ("DEL", "w:renewed:{KEY}:k"),
    ("APPEND", "w:bits:{KEY}:b", "x"), ("XADD", "w:stream:{KEY}:s", "*", "n", "x"), ("SET", "w:near:{KEY}:1", "ghost"),
    ("HSET", "w:hash:{KEY}:h", "ghost", "1"), ("SET", "w:script:{KEY}:n", "1"), ("XGROUP", "SETID", "w:stream:{KEY}:s", "g", "0"),
    ("SET", "w:retyped:{KEY}:k", "ghost"), ("SET", "w:renamed:{KEY}:b", "ghost"),
], ids=lambda damage: f"{damage[0]}-{next(p for p in damage if p[:2] == 'w:').split(':')[1]}")
def test_the_check_sees_one_write_too_many_or_too_few(server, damage):
    one = server("redis-7.0")
    with Workload(one, seed=5, cells=2) as w:
        w.wait_writes(3000)
        assert w.stop()["wrong"] == []
        assert w.check(one) == []
        with one.client() as c:
            c.execute_command(*[p.replace("KEY", "5-0-0") for p in damage])
        assert len(w.check(one)) == 1


def test_the_writer_follows_to_the_second_server_and_measures_the_hold(server):
    source, target = server("redis-7.0", password="a"), server("valkey-8.0", password="b")
    with Workload(source, then=target, seed=9) as w:
        with target.client() as t, source.client() as s:
            t.config_set("masterauth", "a")
            t.execute_command("REPLICAOF", source.host, source.port)
            wait_until(lambda: t.info("replication").get("master_link_status") == "up", 60, "the replica's link")
            w.wait_writes(2000)
            s.execute_command("CLIENT", "PAUSE", 10_000, "WRITE")
            offset = source.offset()
            wait_until(lambda: t.info("replication")["slave_repl_offset"] >= offset, 10, "the drain")
            with contextlib.suppress(redis.ResponseError):
                s.execute_command("REPLICAOF", "127.0.0.1", 1)
            t.execute_command("REPLICAOF", "NO", "ONE")
            w.follow(target)
            s.execute_command("CLIENT", "UNPAUSE")
        w.wait_moved()
        w.wait_writes(2000)
        report = w.stop()
        assert report["wrong"] == [] and report["refused"] > 0 and 0 < report["hold_ms"] < 5000
        assert w.check(target) == []
        assert w.check(source) != []
