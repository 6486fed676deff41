"""`handover audit --rdb`: the data from an RDB file, held against what `rdb info` and the engines say."""

import json
import re
import subprocess
import time

import pytest

from servers import ROOT, peak_rss_bytes
from test_audit import Monitor
import tool

GOLDEN = ROOT / "tests" / "golden" / "rdb"
ENGINES = ["redis-6.0", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.0", "valkey-9.1"]


def audit(path, *more, data=None, form="--json"):
    done = subprocess.run([tool.BIN, "audit", "--rdb", str(path), form, *map(str, more)], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=tool.environment(), timeout=60 * tool.SLOW)
    report = json.loads(done.stdout) if done.stdout.startswith(b"{") else None
    return done.returncode, report, done


def finding(report, name):
    return next((f for f in report["findings"] if f["id"] == name), None)


def table(report, first):
    """Rows of the table of section 'data' whose first column has that title."""
    section = next(s for s in report["sections"] if s["id"] == "data")
    tables = [part for part in section["parts"] if part["kind"] == "table"]
    return next(({row[0]: row[1:] for row in t["rows"]} for t in tables if t["columns"][0] == first), {})


@pytest.mark.parametrize("engine", ENGINES)
def test_types_and_encodings_are_those_that_rdb_info_counts(engine):
    path = GOLDEN / f"{engine}.rdb"
    code, report, done = audit(path)
    assert report, done.stderr
    info = json.loads(subprocess.run([tool.BIN, "rdb", "info", path, "--json"], stdout=subprocess.PIPE, check=True).stdout)
    types = {}
    for db in info["databases"]:
        for name, count in db["types"].items():
            types[name] = types.get(name, 0) + count["keys"]
    assert {name: int(row[0]) for name, row in table(report, "Type").items()} == types
    assert ({name: int(row[0]) for name, row in table(report, "Encoding").items()}
            == {name: count["keys"] for name, count in info["encodings"].items()})
    used = finding(report, "databases")
    assert bool(used) == (len(info["databases"]) > 1 or info["databases"][0]["db"] > 0)
    for db in info["databases"]:
        assert f"db{db['db']}: {sum(t['keys'] for t in db['types'].values())} keys" in used["evidence"]
    assert ("functions" in {f["id"] for f in report["findings"]}) == bool(info["functions"])
    product, version = engine.split("-")
    assert any(f["name"] == "Engine" and f["value"].startswith(f"{product} {version}") and "assumed" not in f["value"]
               for f in report["facts"]), report["facts"]


def test_forms_that_the_target_does_not_load_are_told():
    report = audit(GOLDEN / "redis-8.0.rdb", "--target", "valkey8.1")[1]
    assert "hash-listpack-ex: 2" in finding(report, "data-newer-types")["evidence"]
    assert finding(report, "ops-newer")
    report = audit(GOLDEN / "valkey-9.1.rdb", "--target", "valkey9.1")[1]
    assert not finding(report, "data-newer-types") and not finding(report, "ops-newer")


def test_standard_input_is_read_as_a_file_is():
    path = GOLDEN / "redis-7.0.rdb"
    of_file = audit(path)[1]
    of_stream = audit("-", data=path.read_bytes())[1]
    assert of_stream, "no report"
    assert [f["id"] for f in of_stream["findings"]] == [f["id"] for f in of_file["findings"]]
    assert table(of_stream, "Prefix") == table(of_file, "Prefix")


def test_a_file_with_counters_of_use_names_the_hot_keys():
    assert table(audit(GOLDEN / "redis-7.0-lfu.rdb")[1], "Hottest keys")
    assert not table(audit(GOLDEN / "redis-7.0-lru.rdb")[1], "Hottest keys")


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "missing"])
def test_a_damaged_file_ends_with_exit_3_and_claims_nothing(tmp_path, damage):
    data = bytearray((GOLDEN / "redis-7.0.rdb").read_bytes())
    path = tmp_path / "dump.rdb"
    if damage == "cut":
        data = data[:len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "foreign":
        data[:9] = b"SQLite fo"
    if damage != "missing":
        path.write_bytes(data)
    code, report, done = audit(path)
    assert code == tool.SOURCE and not done.stdout, done.stdout
    assert str(path) in done.stderr.decode()
    if damage == "cut":
        assert re.search(r"offset \d+", done.stderr.decode()), done.stderr


def test_beside_a_server_the_file_takes_the_place_of_the_sample(server):
    source = server("redis-7.0")
    c = source.client()
    c.set("only:on:the:server", 1)
    monitor = Monitor(source)
    code, report, done = audit(GOLDEN / "redis-7.0.rdb", "--source", source.url)
    sent = {line.split()[0].lower() for line in monitor.end(source)}
    assert report, done.stderr
    assert not sent & {"scan", "type", "pttl", "memory", "object"}, sent
    assert "s:" in table(report, "Prefix") and "only:" not in table(report, "Prefix")
    assert not finding(report, "unread-info:INFO")
    assert not finding(report, "databases")  # what runs is the server: one database


def test_beside_a_configuration_and_a_saved_info(server, tmp_path):
    source = server("redis-7.0", options={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"})
    c = source.client()
    c.set("a:1", 1)
    c.save()
    (tmp_path / "info.txt").write_bytes(source.cli("INFO", "ALL"))
    code, report, done = audit(source.directory / "dump.rdb", "--conf", source.directory / "server.conf", "--info",
                               tmp_path / "info.txt")
    assert report, done.stderr
    told = finding(report, "data-no-expiry")
    assert told["severity"] == "warn" and "allkeys-lru" in told["evidence"], told
    assert "RDB file" in told["where"] and str(source.directory / "dump.rdb") in told["where"]


def test_large_keys_and_a_stampede_of_expiries_are_found_in_little_memory(server):
    source = server("valkey-8.0", options={"rdbcompression": "no"})
    c = source.client()
    at = int(time.time()) + 86_400
    pipe = c.pipeline(transaction=False)
    for i in range(200_000):
        pipe.set(f"session:{i}", "x" * 100, exat=at if i % 10 == 0 else at + i)
        if i % 20_000 == 0:
            pipe.execute()
    pipe.execute()
    for _ in range(1_100):
        c.sadd("members", *[f"{_}-{i}" for i in range(1_000)])
        c.rpush("queue", *["y" * 64] * 1_000)
    c.save()
    process = subprocess.Popen([tool.BIN, "audit", "--rdb", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=tool.environment())
    process.stdin.write((source.directory / "dump.rdb").read_bytes())
    process.stdin.flush()
    peak = peak_rss_bytes(process.pid)  # all but the last bytes in the pipe are read
    report = json.loads(process.communicate()[0])
    large = finding(report, "data-large-keys")["evidence"]
    assert "'members' (set" in large and "1100000 elements" in large, large
    assert "'queue' (list" in large, large
    stampede = finding(report, "data-stampede")
    assert "20000 of the keys looked at" in stampede["evidence"], stampede
    assert sum(int(row[0]) for row in table(report, "Prefix").values()) == 200_002
    assert peak < 48 * 1024 * 1024, peak


def test_without_anything_to_read_usage_is_told():
    assert tool.handover("audit").returncode == tool.USAGE
    assert "--rdb" in tool.handover("audit").stderr
