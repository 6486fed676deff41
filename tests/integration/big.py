#!/usr/bin/python3
"""make big: single values of gigabytes, moved and verified within 64 MiB of ours.

    tests/integration/big.py [--scale 1.0] [--only hash,zset,string,stream,pending] [--kills N]

Each value is moved alone, beside a few small keys, by a tool that is killed N times on the way. At
the end `handover verify` compares both sides and the engines' own DEBUG DIGEST-VALUE the big key;
the largest resident size of every process of ours is reported and held to 64 MiB. --scale 0.05 is
what the tests run.
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import threading
import time

import tool
from fill import Feed, Values
from servers import ROOT, Server, end_group, peak_rss_bytes, wait_until

RSS_MAX = 64 << 20
KEY = b"big"
FAR_MS = 4_000_000_000_000
OPTIONS = {"client-output-buffer-limit": "replica 0 0 0", "repl-timeout": 600, "maxmemory": 0}


def hash_of_2_gb(feed, v, scale):
    for n in range(0, int(2_000_000 * scale), 250):
        feed.send("HSET", KEY, *[part for i in range(n, n + 250) for part in (b"field:%d" % i, v.text(1000))])


def zset_of_20_million(feed, v, scale):
    for n in range(0, int(20_000_000 * scale), 500):
        feed.send("ZADD", KEY, *[part for i in range(n, n + 500) for part in (i * 7919 % 1_000_003 / 8, b"member:%d" % i)])


def string_of_512_mb(feed, v, scale):
    """Compresses to about a third, so the serialized form too is larger than what is passed on."""
    size = int((512 << 20) * scale)
    for at in range(0, size, 1 << 20):
        part = b"".join(v.text(20) + b"-" * 40 for _ in range(1 + (1 << 20) // 60))
        feed.send("APPEND", KEY, part[:min(1 << 20, size - at)])
    feed.send("PEXPIREAT", KEY, FAR_MS)


def add_entries(feed, v, count):
    for i in range(count):
        feed.send("XADD", KEY, b"%d-%d" % (1_700_000_000_000 + i // 3, i % 3), "n", i, "text", v.text(60))


def read_by_group(feed, group, consumers, each, times):
    feed.send("XGROUP", "CREATE", KEY, group, "0")
    for n in range(times):
        feed.send("XREADGROUP", "GROUP", group, b"consumer:%d" % (n % consumers), "COUNT", each, "STREAMS", KEY, ">")


def stream_of_3_million(feed, v, scale):
    add_entries(feed, v, int(3_000_000 * scale))
    read_by_group(feed, "few", 7, 100, int(1_000 * scale) + 3)
    feed.send("XGROUP", "CREATE", KEY, "all-read", "$")
    feed.send("XDEL", KEY, b"%d-1" % (1_700_000_000_000 + int(scale * 900_000)))  # nobody has read it


def stream_all_pending(feed, v, scale):
    """Every entry is pending in one group."""
    add_entries(feed, v, int(3_000_000 * scale))
    read_by_group(feed, "slow", 50, 1000, int(3_000 * scale) + 1)


KINDS = {"hash": hash_of_2_gb, "zset": zset_of_20_million, "string": string_of_512_mb,
         "stream": stream_of_3_million, "pending": stream_all_pending}


class Peak(threading.Thread):
    """The largest resident size of a process, looked at until it is gone."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes = pid, 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            while True:
                self.bytes = max(self.bytes, peak_rss_bytes(self.pid))
                time.sleep(0.05)


def digest(server):
    with server.client(socket_timeout=600) as c:
        return c.execute_command("DEBUG", "DIGEST-VALUE", KEY)


def summary(server):
    """What the digest does not say."""
    with server.client(socket_timeout=600) as c:
        said = [c.type(KEY), c.execute_command("PEXPIRETIME", KEY)]
        if said[0] == b"stream":
            info = c.xinfo_stream(KEY)
            said.append([info[n] for n in ("length", "last-generated-id", "entries-added", "max-deleted-entry-id")])
            for group in c.xinfo_groups(KEY):
                said.append(sorted((k, v) for k, v in group.items() if k != "lag"))
                said.append(c.xpending(KEY, group["name"]))
        return said


def move_value(source, target, kills, seed):
    """Moves what is in the source, killed on the way. Answers seconds and the largest RSS of ours."""
    rng = random.Random(seed)
    with tool.Migration(source, target) as move:
        began, peaks = time.monotonic(), []
        for n in range(kills + 1):
            move.start("--progress", "none", "--quiet")
            peaks.append(Peak(move.process.pid))
            if n < kills:
                move.wait_phase("snapshot", "catching-up", "in-sync", deadline_s=300)
                before = target.info("stats")["total_net_input_bytes"]
                step = rng.randint(1 << 20, 24 << 20)
                wait_until(lambda: target.info("stats")["total_net_input_bytes"] > before + step or move.phase() == "in-sync",
                           600 * tool.SLOW, "bytes at the target")
                move.kill()
        move.wait_phase("in-sync", "verified", deadline_s=1800)
        move.wait_caught_up(deadline_s=300)
        seconds = time.monotonic() - began
        end_group(move.process)
        return seconds, max(p.bytes for p in peaks)


def verify_value(source, target):
    """`handover verify` as it is used; its exit code, report, seconds and RSS."""
    began = time.monotonic()
    process = subprocess.Popen([tool.BIN, "verify", "--source", source.url, "--target", target.url, "--json"],
                               env=tool.environment(source, target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    peak = Peak(process.pid)
    report = json.loads(process.communicate(timeout=1800 * tool.SLOW)[0])
    return process.returncode, report, time.monotonic() - began, peak.bytes


def run(kind, scale, kills, seed=1):
    """One value, there and compared: a row of figures; what is wrong stands under 'wrong'."""
    with Server("redis-7.0", options=OPTIONS) as source, Server("valkey-8.0", options=OPTIONS) as target:
        v = Values(seed)
        with Feed(source) as feed:
            for n in range(100):
                feed.send("SET", b"small:%d" % n, n)
            KINDS[kind](feed, v, scale)
        source_bytes = source.info("memory")["used_memory"]
        seconds, rss = move_value(source, target, kills, seed)
        code, report, verify_seconds, verify_rss = verify_value(source, target)
        row = {"kind": kind, "source_bytes": source_bytes, "seconds": seconds, "rss": rss,
               "verify_seconds": verify_seconds, "verify_rss": verify_rss, "wrong": []}
        if code != tool.DONE:
            row["wrong"].append(f"verify ended with {code}: {report}")
        if digest(source) != digest(target):
            row["wrong"].append("DEBUG DIGEST-VALUE differs")
        if summary(source) != summary(target):
            row["wrong"].append(f"source {summary(source)}, target {summary(target)}")
        for name in ("rss", "verify_rss"):
            if row[name] > RSS_MAX:
                row["wrong"].append(f"{name} {row[name] / 2**20:.1f} MiB, the bound is {RSS_MAX >> 20} MiB")
        return row


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--scale", type=float, default=1.0)
    p.add_argument("--only", default=",".join(KINDS))
    p.add_argument("--kills", type=int, default=2)
    args = p.parse_args()
    rows = []
    print(f"{'value':<8} {'source MiB':>10} {'move s':>8} {'RSS MiB':>8} {'verify s':>9} {'RSS MiB':>8}", flush=True)
    for kind in args.only.split(","):
        row = run(kind, args.scale, args.kills)
        rows.append(row)
        print(f"{kind:<8} {row['source_bytes'] / 2**20:10.0f} {row['seconds']:8.1f} {row['rss'] / 2**20:8.1f} "
              f"{row['verify_seconds']:9.1f} {row['verify_rss'] / 2**20:8.1f}", flush=True)
        for wrong in row["wrong"]:
            print(f"  WRONG: {wrong}", flush=True)
    path = ROOT / "build" / "bench" / "big.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"scale": args.scale, "rows": rows}, indent=1) + "\n")
    return 1 if any(r["wrong"] for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
