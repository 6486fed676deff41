#!/usr/bin/python3
"""How long a backlog of the stream takes: by handover, and by a native replica of the same pair.

    tests/bench/catch_up.py [--commands 2000000] [--rounds 3] [--check]

Whoever follows the source is stopped (SIGSTOP) in sync, the commands are written, and it is let go
on: the time is that until the last command's key is on the target. A third of the commands are
SET of 100 bytes, a third INCR, a third HSET. The bar: 1.5 times the native replica.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import tool  # noqa: E402
from fill import Feed, Values  # noqa: E402
from machine import save  # noqa: E402
from servers import Server, cpu_seconds, wait_until  # noqa: E402

BAR = 1.5
DEADLINE_S = 900
OPTIONS = {"client-output-buffer-limit": "replica 0 0 0", "repl-backlog-size": "2gb", "maxmemory": 0}


def write(source, commands, mark):
    v = Values(mark)
    with Feed(source) as feed:
        for n in range(0, commands, 3):
            feed.send("SET", b"s:%d" % n, v.text(100))
            feed.send("INCR", b"i:%d" % (n % 1000))
            feed.send("HSET", b"h:%d" % (n % 5000), b"field:%d" % (n % 20), v.text(20))
        feed.send("SET", b"end", mark)


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def measure(source, target, follower, commands, mark):
    with stopped(follower):
        write(source, commands, mark)
        cpu = cpu_seconds(target.pid) + (cpu_seconds(follower) if follower != target.pid else 0)
    began = time.monotonic()
    with target.client() as c:
        wait_until(lambda: c.get("end") == b"%d" % mark, DEADLINE_S, "the last command", every_s=0.005)
    wall = time.monotonic() - began
    return {"wall": wall, "cpu": cpu_seconds(target.pid) + (cpu_seconds(follower) if follower != target.pid else 0) - cpu}


def by_replica(source, target, commands, mark):
    with target.client() as c:
        c.execute_command("REPLICAOF", source.host, source.port)
        wait_until(lambda: c.info("replication").get("master_link_status") == "up", DEADLINE_S, "the replica's link")
        run = measure(source, target, target.pid, commands, mark)
        c.execute_command("REPLICAOF", "NO", "ONE")
        return run


def by_handover(source, target, commands, mark):
    with target.client() as c:
        c.flushall()
    with tool.Migration(source, target, ("--spool-max", "8G")) as move:
        move.start("--progress", "none", "--quiet")
        move.wait_caught_up(deadline_s=DEADLINE_S)
        run = measure(source, target, move.process.pid, commands, mark)
        move.kill()
        return run


WAYS = {"handover": by_handover, "replica": by_replica}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--commands", type=int, default=2_000_000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--check", action="store_true", help="exit 1 when the bar is missed")
    args = p.parse_args()
    runs = {way: [] for way in WAYS}
    print(f"\ncatch-up of {args.commands:,} commands", flush=True)
    for n in range(args.rounds):
        with Server("redis-7.0", options=OPTIONS) as source, Server("valkey-8.0", options=OPTIONS) as target:
            for way in sorted(WAYS, reverse=n % 2 == 1):  # nobody is always first
                run = WAYS[way](source, target, args.commands, 2 * n + (way == "replica") + 1)
                runs[way].append(run)
                print(f"  round {n + 1} {way:<10} {run['wall']:7.2f} s wall {run['cpu']:7.2f} s CPU", flush=True)
    wall = {way: statistics.median(r["wall"] for r in them) for way, them in runs.items()}
    ratio = wall["handover"] / wall["replica"]
    print(f"  median {wall['handover']:.2f} s against {wall['replica']:.2f} s: {ratio:.2f} x {'<=' if ratio <= BAR else 'OVER'} {BAR};"
          f" {args.commands / wall['handover']:,.0f} commands/s")
    save("catch_up", {"commands": args.commands, "runs": runs, "medians": wall, "ratio": ratio})
    return 1 if args.check and ratio > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
