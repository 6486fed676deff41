"""Fills a server with keys of every type, fast and always alike for one seed.

    /usr/bin/python3 tests/integration/fill.py PORT KEYS [SEED]

Commands are written as RESP bytes behind CLIENT REPLY OFF; at the end the key counts are compared
with what was sent, so that a refused command cannot pass unseen.
"""

import contextlib
import random
import sys
import time

import redis

SECOND_DB = 5
FUNCTIONS = (
    b"#!lua name=shop\nredis.register_function('add', function(k, a) return a[1] + a[2] end)",
    b"#!lua name=cart\nredis.register_function{function_name='peek',"
    b" callback=function(k) return redis.call('GET', k[1]) end, flags={'no-writes'}}",
)


def encode(*parts):
    out = [b"*%d\r\n" % len(parts)]
    for p in parts:
        if not isinstance(p, bytes):
            p = str(p).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(p), p))
    return b"".join(out)


class Feed:
    """Writes commands without waiting for replies; leave the block to know that all were executed."""

    def __init__(self, server, db=0):
        self.connection = server.client(db=db).connection_pool.get_connection("FEED")
        self.parts, self.size = [], 0

    def __enter__(self):
        self._write(encode("CLIENT", "REPLY", "OFF"))
        return self

    def _write(self, data):
        self.connection._sock.sendall(data)

    def raw(self, data):
        self.parts.append(data)
        self.size += len(data)
        if self.size > 1 << 20:
            self.flush()

    def send(self, *parts):
        self.raw(encode(*parts))

    def flush(self):
        self._write(b"".join(self.parts))
        self.parts, self.size = [], 0

    def __exit__(self, kind, *_):
        if kind is None:
            self.flush()
            self._write(encode("CLIENT", "REPLY", "ON") + encode("ECHO", "end"))
            assert self.connection.read_response() == b"OK"
            assert self.connection.read_response() == b"end"
        self.connection.disconnect()


class Values:
    """Slices of one random pool: as random as needed and nearly free."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        self.pool = bytes(alphabet[b & 63] for b in self.random.randbytes(1 << 20))
        self.at = 0

    def text(self, size):
        self.at = (self.at + size + 7919) & ((1 << 19) - 1)
        return self.pool[self.at:self.at + size]


def add_string(feed, v, key, n):
    form = n % 20
    if form == 0:
        feed.send("SET", key, n * 1000003)
    elif form == 1:
        feed.send("SET", key, b'{"user":%d,"tags":["new","new","new"],"note":"%s"}' % (n, b"la" * (n % 500)))
    elif form == 2:
        feed.send("SET", key, v.random.randbytes(40))
    elif form in (3, 4):
        feed.send("SET", key, v.text(60), "PXAT", v.now_ms + 3_600_000 + n)
    else:
        feed.raw(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$60\r\n%s\r\n" % (len(key), key, v.text(60)))


def add_hash(feed, v, key, n):
    fields = 600 if n % 1000 == 0 else 3 + n % 15
    parts = []
    for i in range(fields):
        parts += (b"field:%d" % i, v.text(12) if i % 3 else i * n)
    feed.send("HSET", key, *parts)


def add_list(feed, v, key, n):
    count = 2000 if n % 1000 == 0 else 3 + n % 20
    feed.send("RPUSH", key, *[v.text(10) if i % 4 else i for i in range(count)])


def add_set(feed, v, key, n):
    count = 700 if n % 500 == 0 else 3 + n % 20
    feed.send("SADD", key, *([n + i * 7 for i in range(count)] if n % 2 else [v.text(9) for _ in range(count)]))


def add_zset(feed, v, key, n):
    count = 300 if n % 200 == 0 else 3 + n % 20
    parts = []
    for i in range(count):
        parts += (i * 1.5 if n % 2 else i - n, b"member:%d" % i)
    feed.send("ZADD", key, *parts)


def add_stream(feed, v, key, n):
    count = 300 if n % 100 == 0 else 3 + n % 8
    for i in range(1, count + 1):
        feed.send("XADD", key, f"{1_700_000_000_000 + n}-{i}", "n", i, "text", v.text(10))
    if n % 3 == 0:
        feed.send("XDEL", key, f"{1_700_000_000_000 + n}-2")
    if n % 2 == 0:
        feed.send("XGROUP", "CREATE", key, "readers", "0")
        feed.send("XGROUP", "CREATE", key, "idle", "$")
        feed.send("XREADGROUP", "GROUP", "readers", "anna", "COUNT", 2, "STREAMS", key, ">")
        feed.send("XREADGROUP", "GROUP", "readers", "bert", "COUNT", 1, "STREAMS", key, ">")
        feed.send("XACK", key, "readers", f"{1_700_000_000_000 + n}-1")


def add_special(feed, v, key, n):
    if n % 3 == 0:
        feed.send("PFADD", key, *[v.text(6) for _ in range(20)])
    elif n % 3 == 1:
        feed.send("SETBIT", key, n % 4096, 1)
    else:
        feed.send("GEOADD", key, 13.4 + n % 10 / 10, 52.5, "here", 11.6, 48.1, "there")


# Of 100 keys: how many of which kind.
MIX = ((64, b"string", add_string), (12, b"hash", add_hash), (8, b"list", add_list), (6, b"set", add_set),
       (6, b"zset", add_zset), (3, b"stream", add_stream), (1, b"special", add_special))


def fill(server, keys=20_000, seed=1, expiring_ms=None, functions=True, databases=(0, SECOND_DB)):
    """Adds `keys` keys, nine in ten to the first database. expiring_ms=(low, high) lets one key in
    fifty expire in that time from now. Answers {"keys", "seconds"} and the counts by database."""
    began = time.monotonic()
    v = Values(seed)
    v.now_ms = int(time.time() * 1000)
    row = [kind for count, *kind in MIX for _ in range(count)]
    v.random.shuffle(row)
    counts = {}
    for db in databases:
        if len(databases) == 1:
            count = keys
        elif db == databases[0]:
            count = keys - keys // 10
        else:
            count = keys // 10 // (len(databases) - 1)
        with server.client(db=db) as c:
            before = c.dbsize()
        with Feed(server, db) as feed:
            for n in range(count):
                kind, add = row[n % 100]
                key = b"%s:%d:%d" % (kind, seed, n)
                add(feed, v, key, n)
                if n % 10 == 9:
                    feed.send("PEXPIREAT", key, v.now_ms + 86_400_000 + n)
                if expiring_ms and n % 50 == 25:
                    feed.send("PEXPIREAT", key, v.now_ms + v.random.randint(*expiring_ms))
        with server.client(db=db) as c:
            counts[db] = c.dbsize() - before
        if not expiring_ms and counts[db] != count:
            raise RuntimeError(f"db {db}: {count} keys were sent, {counts[db]} are there")
    if functions:
        with server.client() as c, contextlib.suppress(redis.ResponseError): # no functions before 7.0
            for code in FUNCTIONS:
                c.execute_command("FUNCTION", "LOAD", "REPLACE", code)
    return {"keys": sum(counts.values()), "databases": counts, "seconds": time.monotonic() - began}


def fill_bench_strings(server, strings, hashes, seed=1):
    """The benchmark's first set: strings of 100 bytes and hashes of 20 fields."""
    v = Values(seed)
    with Feed(server) as feed:
        for n in range(strings):
            key = b"string:%d" % n
            feed.raw(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$100\r\n%s\r\n" % (len(key), key, v.text(100)))
        for n in range(hashes):
            parts = []
            for i in range(20):
                parts += (b"field:%02d" % i, v.text(10))
            feed.send("HSET", b"hash:%d" % n, *parts)


if __name__ == "__main__":
    from servers import Server

    target = Server(port=int(sys.argv[1]))
    print(fill(target, int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1))
