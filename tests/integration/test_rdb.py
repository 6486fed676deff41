"""`handover rdb info` and `rdb keys`: held against what the engines themselves say is in their files."""

import json
import os
import random
import subprocess
import sys

import pytest

from servers import ROOT, peak_rss_bytes
import tool

GOLDEN = ROOT / "tests" / "golden" / "rdb"
ENGINES = ["redis-2.8", "redis-3.2", "redis-5.0", "redis-6.0", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-9.1"]
HANDMADE = ["handmade-2.4", "handmade-2.8", "handmade-3.2"]  # forms of engines that are packaged no more
sys.path.insert(0, str(GOLDEN.parent))
import make_rdb  # noqa: E402


def rdb(command, path, *more, data=None):
    return subprocess.run([tool.BIN, "rdb", command, str(path), *more], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=tool.environment(), timeout=60 * tool.SLOW)


def unescape(value):
    """The documented way back to the bytes."""
    return value.encode("utf-8", "surrogateescape")


def text(value):
    return make_rdb.text(unescape(value))


def stream_lines(key):
    for i, entry in enumerate(key["value"]):
        yield f"entry {i} {entry['id']} {len(entry['fields']) // 2}"
        for j, (name, value) in enumerate(make_rdb.pairs(entry["fields"])):
            yield f"entry-field {i}.{j} {text(name)} {text(value)}"
    stream = key["stream"]
    history = f" {stream['first_id']} {stream['max_deleted_id']} {stream['entries_added']}" if "first_id" in stream else ""
    yield f"stream {stream['length']} {stream['last_id']}{history}"
    for group in key["groups"]:
        name = text(group["name"])
        yield f"group {name} {group['last_delivered_id']} {group.get('entries_read', -1)}"
        for consumer in group["consumers"]:
            owner = text(consumer["name"])
            yield f"consumer {name} {owner} {consumer['seen_at_ms']} {consumer['active_at_ms']}"
            for one in consumer["pending"]:
                yield f"pending {name} {one['id']} {owner} {one['delivered_at_ms']} {one['deliveries']}"


def value_lines(key):
    value = key["value"]
    if key["type"] == "string":
        yield "string " + text(value)
    elif key["type"] == "list":
        yield from (f"item {i} {text(item)}" for i, item in enumerate(value))
    elif key["type"] == "set":
        yield from ("member " + text(member) for member in value)
    elif key["type"] == "hash":
        expiries = key.get("field_expires_at_ms", {})
        yield from (f"field {text(f)} {text(v)} {expiries.get(f, -1)}" for f, v in value.items())
    elif key["type"] == "zset":
        yield from (f"scored {text(member)} {float(score):.17g}" for member, score in value)
    else:
        yield from stream_lines(key)


@pytest.mark.parametrize("engine", ENGINES + HANDMADE)
def test_every_value_is_written_as_the_engine_itself_answers_it(engine):
    done = rdb("keys", GOLDEN / f"{engine}.rdb", "--json")
    assert done.returncode == 0, done.stderr
    lines = []
    for line in done.stdout.splitlines():
        key = json.loads(line)
        name = f"{key['db']} {text(key['key'])}"
        lines.append(f"{name} key {key['type']} {-1 if key['expires_at_ms'] is None else key['expires_at_ms']}")
        lines += [f"{name} {one}" for one in value_lines(key)]
    wanted = [line for line in (GOLDEN / f"{engine}.txt").read_text().splitlines() if not line.startswith("function ")]
    assert sorted(lines) == sorted(wanted)


def test_bytes_of_every_kind_come_back_as_they_were(server, tmp_path):
    rng = random.Random(3)
    values = {bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40))): bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
              for _ in range(400)}
    values[b"utf-8 \xe2\x82\xac \xf0\x9f\x98\x80"] = "naïve — 繁體 😀 \u2028".encode()
    values[b"cut \xe2\x82"] = b"\xed\xa0\x80 surrogate, \xc0\xaf overlong, \xf5\x80\x80\x80 too high, \xe2\x82"
    values[b"large"] = bytes(rng.randrange(256) for _ in range(300_000))
    source = server()
    with source.client() as c:
        for key, value in values.items():
            c.set(key, value)
        c.save()
    done = rdb("keys", source.directory / "dump.rdb", "--json")
    assert done.returncode == 0, done.stderr
    found = {unescape(k["key"]): unescape(k["value"]) for k in map(json.loads, done.stdout.splitlines())}
    assert found == values


def test_info_counts_what_is_there(server):
    source = server("valkey-8.0")
    with source.client() as c, source.client(db=3) as third:
        for i in range(1000):
            c.set(f"s:{i}", "x" * 10, ex=3000 if i % 2 else None)
        c.rpush("l", *range(500))
        third.zadd("z", {f"m{i}": i for i in range(5000)})
        c.execute_command("FUNCTION", "LOAD", "#!lua name=mylib\nserver.register_function('f', function() return 1 end)")
        c.save()
    done = rdb("info", source.directory / "dump.rdb", "--json")
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    by_db = {d["db"]: d for d in info["databases"]}
    assert info["rdb_version"] == 11 and info["checksum"] == "right"
    assert by_db[0]["types"]["string"]["keys"] == 1000 and by_db[0]["with_expiry"] == 500
    assert by_db[0]["types"]["list"]["keys"] == 1 and by_db[3]["types"] == {"zset": by_db[3]["types"]["zset"]}
    assert info["all"]["keys"] == 1002 and info["expiry"]["less than 1 hour"] == 500
    assert info["largest"][0]["key"] == "z" and info["functions"] == ["mylib"]
    assert info["bytes"] == os.path.getsize(source.directory / "dump.rdb")
    loads = {e["engine"]: e["loads"] for e in info["engines"]}
    assert loads["valkey 8.1"] and not loads["redis 7.0"]


def test_standard_input_is_read_as_a_file_is():
    path = GOLDEN / "redis-7.0.rdb"
    for command in ("info", "keys"):
        from_file = rdb(command, path)
        from_pipe = rdb(command, "-", data=path.read_bytes())
        assert from_pipe.returncode == 0, from_pipe.stderr
        assert from_pipe.stdout.splitlines()[1:] == from_file.stdout.splitlines()[1:]


def test_damaged_truncated_and_foreign_files_end_with_code_3_and_their_place(tmp_path):
    whole = (GOLDEN / "valkey-9.1.rdb").read_bytes()
    rng = random.Random(5)
    cases = {f"cut at {at}": whole[:at] for at in range(0, len(whole), 1201)}
    for at in rng.sample(range(len(whole) - 8), 40):
        cases[f"bit flipped at {at}"] = whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:]
    cases["foreign"] = b"PK\x03\x04 this is a zip file of no interest"
    cases["newer"] = b"REDIS0099" + whole[9:]
    for what, data in cases.items():
        for command in ("info", "keys"):
            done = rdb(command, "-", *(["--json"] if command == "keys" else []), data=data)
            assert done.returncode == tool.SOURCE, (what, command, done.returncode, done.stderr)
            assert b"standard input" in done.stderr, (what, done.stderr)
    done = rdb("keys", "-", "--json", data=whole[:-2000])
    assert b"key '" in done.stderr and b"offset" in done.stderr, done.stderr
    assert rdb("info", tmp_path / "absent.rdb").returncode == tool.SOURCE
    assert rdb("info", tmp_path).returncode == tool.SOURCE
    assert subprocess.run([tool.BIN, "rdb", "info"], stderr=subprocess.PIPE).returncode == tool.USAGE


def peak_bytes(path, *words):
    """Read while the program still waits for the file's last byte."""
    data = path.read_bytes()
    with open(os.devnull, "wb") as sink, subprocess.Popen([tool.BIN, *words], stdin=subprocess.PIPE, stdout=sink) as process:
        process.stdin.write(data[:-1])
        process.stdin.flush()
        peak = peak_rss_bytes(process.pid)
        process.stdin.write(data[-1:])
        process.stdin.close()
        assert process.wait(60) == 0
    return peak


def test_memory_does_not_grow_with_the_largest_value(server):
    source = server("valkey-8.0")
    with source.client() as c:
        value = os.urandom(1 << 20)
        for _ in range(120):
            c.append("s:120M", value)
        with c.pipeline(transaction=False) as p:
            for i in range(200_000):
                p.hset("h:many", f"field:{i}", f"value {i} " + "x" * 100)
            p.execute()
        c.save()
    path = source.directory / "dump.rdb"
    limit = 32 << 20 if tool.SLOW == 1 else 1 << 30  # the sanitizers need memory of their own
    for words in (("rdb", "info", "-"), ("rdb", "keys", "-", "--json")):
        assert peak_bytes(path, *words) < limit
