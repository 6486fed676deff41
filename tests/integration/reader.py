"""Compares two servers by what an ordinary client reads; shares no code with the product.

    /usr/bin/python3 tests/integration/reader.py URL-A URL-B

Every database, key, type, value, expiry, stream group, pending entry and function library is read
from both sides. Keys beginning with 'handover:' on the target are the product's own and left out.
"""

import collections
import hashlib
import multiprocessing
import signal
import sys
import time

import redis

HELD = 1 << 45  # an expiry held back by the link: the real one is this much less (protocol R16)
OWN_PREFIX = b"handover:"
BATCH = 500

CLASSES = ("missing", "extra", "type", "value", "expiry", "held", "stream-meta", "stream-entries",
           "stream-group", "stream-consumer", "stream-pending", "function")
Difference = collections.namedtuple("Difference", "kind db key detail")

READ = {
    b"string": lambda k: ("GET", k),
    b"list": lambda k: ("LRANGE", k, 0, -1),
    b"hash": lambda k: ("HGETALL", k),
    b"set": lambda k: ("SMEMBERS", k),
    b"zset": lambda k: ("ZRANGE", k, 0, -1, "WITHSCORES"),
    b"stream": lambda k: ("XINFO STREAM", k, "FULL", "COUNT", 0),
}


def _connect(address, db):
    tls = {"ssl": True, "ssl_ca_certs": address["ca"], "ssl_check_hostname": True} if address.get("ca") else {}
    client = redis.Redis(address["host"], address["port"], db=db, username=address.get("username"),
                         password=address["password"], socket_timeout=120, **tls)
    client.response_callbacks.clear()  # replies as they came, no interpretation
    return client


def _address(server):
    return {"host": server.host, "port": server.port, "password": server.password, "ca": server.ca}


def _pipeline(client, commands):
    pipe = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return pipe.execute(raise_on_error=False)


def _pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def _digest(value):
    return hashlib.blake2b(repr(value).encode(), digest_size=16).digest()


def _stream(reply):
    """What of a stream must be alike on both sides; lag and entries-read are guesses of the engine."""
    info = _pairs(reply)
    groups = {}
    for g in map(_pairs, info[b"groups"]):
        groups[g[b"name"]] = {
            "last": g[b"last-delivered-id"],
            "consumers": sorted(_pairs(c)[b"name"] for c in g[b"consumers"]),
            # id, owner, time of delivery, number of deliveries
            "pending": {p[0]: tuple(p[1:]) for p in g.get(b"pending", g.get(b"pel"))},
        }
    return {
        "meta": tuple(info.get(n) for n in (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added")),
        "entries": _digest(info[b"entries"]),
        "groups": groups,
    }


def _stream_before_6(client, key):
    """The same from an engine without XINFO STREAM FULL; it does not tell when an entry was delivered."""
    entries, info, groups, kind = _pipeline(
        client, [("XRANGE", key, "-", "+"), ("XINFO", "STREAM", key), ("XINFO", "GROUPS", key), ("TYPE", key)])
    if kind == b"none":  # expired meanwhile; a replica answers some of them all the same
        return None
    found = {}
    for g in map(_pairs, groups):
        consumers, pending = _pipeline(client, [("XINFO", "CONSUMERS", key, g[b"name"]),
                                                ("XPENDING", key, g[b"name"], "-", "+", 1_000_000)])
        found[g[b"name"]] = {"last": g[b"last-delivered-id"], "consumers": sorted(_pairs(c)[b"name"] for c in consumers),
                             "pending": {p[0]: (p[1], None, p[3]) for p in pending}}
    info = _pairs(info)
    return {"meta": (info[b"length"], info[b"last-generated-id"], None, None), "entries": _digest(entries), "groups": found}


def _is_pending_alike(p, q):
    """Who has it and how often it was delivered; when, where both sides tell."""
    return p == q or (p and q and None in (p[1], q[1]) and (p[0], p[2]) == (q[0], q[2]))


def _canonical(kind, reply):
    if isinstance(reply, Exception) or reply is None:
        return None
    if kind == b"stream":
        return _stream(reply)
    if kind == b"hash":
        reply = sorted(_pairs(reply).items())
    elif kind == b"set":
        reply = sorted(reply)
    elif kind == b"zset":  # engines write the same score with more or fewer digits
        reply = sorted((float(score), member) for member, score in _pairs(reply).items())
    elif kind not in READ:
        raise ValueError(f"no reader for type {kind!r}")
    return _digest(reply)


def read_keys(client, keys):
    """{key: (type, expiry in ms or -1, canonical value)} of the keys that exist."""
    answers = _pipeline(client, [c for k in keys for c in (("TYPE", k), ("PEXPIRETIME", k))])
    kinds, expiries = answers[::2], answers[1::2]
    if any(isinstance(e, redis.ResponseError) for e in expiries):  # before 7.0 there is only what is left
        seconds, us = client.execute_command("TIME")
        now_ms = int(seconds) * 1000 + int(us) // 1000
        left = _pipeline(client, [("PTTL", k) for k in keys])
        expiries = [now_ms + ms if ms >= 0 else ms for ms in left]
    present = [(k, t, e) for k, t, e in zip(keys, kinds, expiries) if t != b"none"]
    values = _pipeline(client, [READ[t](k) for k, t, _ in present])
    found = {}
    for (k, t, e), v in zip(present, values):
        is_old = t == b"stream" and isinstance(v, redis.ResponseError)
        value = _stream_before_6(client, k) if is_old else _canonical(t, v)
        if value is not None and e != -2:
            found[k] = (t, e, value)
    return found


def read_server(address, prefix=None):
    """Everything: {"keys": {db: {key: ...}}, "functions": [...]}."""
    with _connect(address, 0) as client:
        spaces = client.execute_command("INFO", "keyspace").decode().split()
        databases = [int(s[2:].split(":")[0]) for s in spaces if s.startswith("db")]
        [libraries] = _pipeline(client, [("FUNCTION", "LIST", "WITHCODE")])
        if isinstance(libraries, redis.ResponseError):  # before 7.0
            libraries = []
        functions = sorted((f[b"library_name"], f[b"engine"], f[b"library_code"]) for f in map(_pairs, libraries))
    keys = {}
    for db in databases:
        with _connect(address, db) as client:
            cursor, found = 0, {}
            while True:
                more = ("MATCH", prefix + b"*") if prefix else ()
                cursor, names = client.execute_command("SCAN", cursor, "COUNT", BATCH, *more)
                found.update(read_keys(client, [n for n in names if not n.startswith(OWN_PREFIX)]))
                if int(cursor) == 0:
                    break
            if found:
                keys[db] = found
    return {"keys": keys, "functions": functions}


def _release(expiry):
    return expiry - HELD if expiry >= HELD else expiry


def _compare_streams(db, key, a, b):
    if any(x != y for x, y in zip(a["meta"], b["meta"]) if None not in (x, y)):  # None: one of them is too old to know it
        yield Difference("stream-meta", db, key, f"{a['meta']} / {b['meta']}")
    if a["entries"] != b["entries"]:
        yield Difference("stream-entries", db, key, "")
    for name in sorted(a["groups"].keys() | b["groups"].keys()):
        g, h = a["groups"].get(name), b["groups"].get(name)
        if not g or not h:
            yield Difference("stream-group", db, key, f"group {name!r} only on the {'source' if g else 'target'}")
            continue
        if g["last"] != h["last"]:
            yield Difference("stream-group", db, key, f"group {name!r}: {g['last']} / {h['last']}")
        if g["consumers"] != h["consumers"]:
            yield Difference("stream-consumer", db, key, f"group {name!r}: {g['consumers']} / {h['consumers']}")
        for entry in sorted(g["pending"].keys() | h["pending"].keys()):
            p, q = g["pending"].get(entry), h["pending"].get(entry)
            if not _is_pending_alike(p, q):
                yield Difference("stream-pending", db, key, f"group {name!r} entry {entry!r}: {p} / {q}")


def _compare_key(db, key, a, b, now_ms, tolerance_ms, held_allowed):
    if a is None or b is None:
        there = a or b
        if 0 <= _release(there[1]) <= now_ms:
            return  # expired meanwhile: gone on one side, about to go on the other
        yield Difference("extra" if a is None else "missing", db, key, there[0].decode())
        return
    if a[0] != b[0]:
        yield Difference("type", db, key, f"{a[0].decode()} / {b[0].decode()}")
        return
    if b[1] >= HELD and not held_allowed:
        yield Difference("held", db, key, f"{b[1]}")
    x, y = a[1], _release(b[1])
    if (x == -1) != (y == -1) or abs(x - y) > tolerance_ms:
        yield Difference("expiry", db, key, f"{x} / {y}")
    if a[0] == b"stream":
        yield from _compare_streams(db, key, a[2], b[2])
    elif a[2] != b[2]:
        yield Difference("value", db, key, a[0].decode())


def _compare_all(a, b, tolerance_ms, held_allowed, ignore):
    now_ms = int(time.time() * 1000)
    for db in sorted(a["keys"].keys() | b["keys"].keys()):
        left, right = a["keys"].get(db, {}), b["keys"].get(db, {})
        for key in left.keys() | right.keys():
            if ignore and key.startswith(ignore):
                continue
            l, r = left.get(key), right.get(key)
            if l != r or r[1] >= HELD:
                yield from _compare_key(db, key, l, r, now_ms, tolerance_ms, held_allowed)
    for f in sorted(set(a["functions"]) ^ set(b["functions"])):
        yield Difference("function", None, f[0], "only on the source" if f in a["functions"] else "only on the target")


def _worker_signals():
    """A worker ends when its pool says so, without a word, whatever handlers the caller has set."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def compare(source, target, tolerance_ms=0, held_allowed=False, prefix=None, ignore=None, both=None):
    """The list of differences, empty when the servers hold the same. Both are read at the same time,
    each by a process of its own; writers must be still, but for keys that begin with `ignore`.
    `both` hands in two read_server() answers."""
    if both is None:
        context = multiprocessing.get_context("fork")
        with context.Pool(2, _worker_signals) as pool:
            both = pool.starmap(read_server, [(_address(source), prefix), (_address(target), prefix)])
    return sorted(_compare_all(*both, tolerance_ms, held_allowed, ignore), key=lambda d: (d.kind, d.db or 0, d.key))


def show(differences, limit=20):
    """For an assertion's message: counts by class and the first few."""
    counts = collections.Counter(d.kind for d in differences)
    lines = [f"{len(differences)} differences: " + ", ".join(f"{k} {n}" for k, n in sorted(counts.items()))]
    lines += [f"  {d.kind:15} db {d.db} {d.key!r} {d.detail}" for d in differences[:limit]]
    return "\n".join(lines)


if __name__ == "__main__":
    ends = []
    for url in sys.argv[1:3]:
        options = redis.connection.parse_url(url)
        ends.append({"host": options["host"], "port": options.get("port", 6379),
                     "username": options.get("username"), "password": options.get("password")})
    with multiprocessing.Pool(2, _worker_signals) as workers:
        found = compare(None, None, both=workers.map(read_server, ends))
    print(show(found))
    sys.exit(1 if found else 0)
