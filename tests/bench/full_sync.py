#!/usr/bin/python3
"""A full sync by handover beside `replicaof` on the same pair of servers.

    tests/bench/full_sync.py [--small] [--rounds N] [--set strings|mixed] [--ways handover,replicaof,swapdb]

In each round every way runs once, one after the other, onto the same emptied target, so that what
the machine does meanwhile hits all alike. Wall time is from REPLICAOF to the link up, which is when
the replica has loaded the snapshot; for handover from the end of its preflight (which samples the
write rate for a fixed time) to the same point, every command of the snapshot answered. Beside it stands
the time with preflight and with the 0.3 s for which it watches the link before it says in-sync. Reported: medians of the wall time and of the CPU time of
all processes (source with its save child, target, handover), our peak RSS, and the ratios to
replicaof. The table goes to the terminal, all figures to build/bench/full_sync-SET.json.
"""

import argparse
import pathlib
import sqlite3
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import tool  # noqa: E402
from fill import fill, fill_bench_strings  # noqa: E402
from machine import save  # noqa: E402
from servers import Server, cpu_seconds, peak_rss_bytes, wait_until  # noqa: E402

DEADLINE_S = 900
POLL_S = 0.02
SETS = {  # name: (fill at full size, fill at small size)
    "strings": (lambda s: fill_bench_strings(s, 2_000_000, 200_000), lambda s: fill_bench_strings(s, 200_000, 20_000)),
    "mixed": (lambda s: fill(s, 6_700_000), lambda s: fill(s, 670_000)),
}
BARS = {"replicaof": {"wall": 1.0, "cpu": 1.3}, "swapdb": {"wall": 1.1}}
RSS_BAR = 64 << 20


def empty(target):
    with target.client() as c:
        c.execute_command("REPLICAOF", "NO", "ONE")
        c.execute_command("FLUSHALL", "SYNC")
        c.execute_command("FUNCTION", "FLUSH", "SYNC")


def keys_of(server):
    with server.client() as c:
        return {n: d["keys"] for n, d in c.info("keyspace").items()}


def saved(server):
    """The source's save child is reaped: its time is in the parent's account."""
    with server.client() as c:
        info = c.info("persistence")
        return info["rdb_bgsave_in_progress"] == 0


class Account:
    """CPU time of the two servers from here on."""

    def __init__(self, *servers):
        self.servers = servers
        self.before = [cpu_seconds(s.pid) for s in servers]

    def used(self):
        return [cpu_seconds(s.pid) - b for s, b in zip(self.servers, self.before)]


def by_replicaof(source, target, diskless):
    with target.client() as c:
        c.config_set("repl-diskless-load", diskless)
        account, began = Account(source, target), time.monotonic()
        c.execute_command("REPLICAOF", source.host, source.port)
        wait_until(lambda: linked(c), DEADLINE_S, "the replica's link", every_s=POLL_S)
        wall = time.monotonic() - began
        wait_until(lambda: saved(source), 60, "the end of the save")
        return {"wall": wall, "cpu": sum(account.used()), "cpu_parts": account.used()}


def linked(client):
    try:
        return client.info("replication").get("master_link_status") == "up"
    except Exception:  # loading, or busy with it
        return False


def by_handover(source, target):
    with tool.Migration(source, target) as move:
        with target.client() as c:
            c.config_set("repl-diskless-load", "disabled")
        account, began = Account(source, target), time.monotonic()
        move.start("--progress", "none", "--quiet")
        move.wait_phase("in-sync", "verified", deadline_s=DEADLINE_S)
        total = time.monotonic() - began
        ours = cpu_seconds(move.process.pid)
        peak = peak_rss_bytes(move.process.pid)
        wait_until(lambda: saved(source), 60, "the end of the save")
        used = account.used()
        move.kill()
        if not arrived(source, target):
            raise RuntimeError(f"source {keys_of(source)}, target {keys_of(target)}\n{move.log()}")
        return {"wall": sync_seconds(move), "total": total, "cpu": sum(used) + ours,
                "cpu_parts": [*used, ours], "rss": peak}


def sync_seconds(move):
    """From the end of the preflight to the end of the snapshot, by the times in the journal, which no
    polling of ours blurs."""
    with sqlite3.connect(move.workdir / "journal.db") as db:
        times = dict(db.execute("SELECT state, MIN(at_ms) FROM state GROUP BY state"))
    return (times["catching-up"] - times["checked"]) / 1000


def arrived(source, target):
    """As many keys in each database; the product's own few keys on the target are allowed for."""
    wanted, there = keys_of(source), keys_of(target)
    return wanted.keys() == there.keys() and all(n <= there[db] <= n + 3 for db, n in wanted.items())


def median(runs, name):
    return statistics.median(r[name] for r in runs)


def bench(name, small, rounds, ways):
    options = {"client-output-buffer-limit": "replica 0 0 0", "maxmemory": 0}
    with Server("redis-7.0", options=options) as source, Server("valkey-8.0", options=options) as target:
        began = time.monotonic()
        SETS[name][small](source)
        memory = source.info("memory")["used_memory"]
        keys = sum(keys_of(source).values())
        print(f"\n{name}: {keys:,} keys, {memory / 2**20:.0f} MiB in the source, filled in {time.monotonic() - began:.0f} s", flush=True)
        runs = {way: [] for way in ways}
        for n in range(rounds):
            for way in ways[n % len(ways):] + ways[:n % len(ways)]:  # nobody is always first
                empty(target)
                if way == "handover":
                    run = by_handover(source, target)
                else:
                    run = by_replicaof(source, target, "swapdb" if way == "swapdb" else "disabled")
                runs[way].append(run)
                print(f"  round {n + 1} {way:<10} {run['wall']:7.2f} s wall {run['cpu']:7.2f} s CPU"
                      + (f" {run['rss'] / 2**20:6.1f} MiB RSS, {run['total']:.2f} s from start to in-sync" if "rss" in run else ""),
                      flush=True)
    return report(name, small, keys, memory, runs)


def report(name, small, keys, memory, runs):
    good = True
    print(f"\n  {'way':<10} {'wall s':>8} {'CPU s':>8} {'wall x':>8} {'CPU x':>8}   handover against it (bar)")
    ours = runs.get("handover")
    table = {}
    for way, them in runs.items():
        line = table[way] = {"wall": median(them, "wall"), "cpu": median(them, "cpu")}
        text = f"  {way:<10} {line['wall']:8.2f} {line['cpu']:8.2f}"
        if ours and way != "handover":
            line["handover_wall_ratio"] = median(ours, "wall") / line["wall"]
            line["handover_cpu_ratio"] = median(ours, "cpu") / line["cpu"]
            text += f" {line['handover_wall_ratio']:8.2f} {line['handover_cpu_ratio']:8.2f}  "
            for what, bar in BARS[way].items():
                held = line[f"handover_{what}_ratio"] <= bar
                good = good and held
                text += f" {what} {'<=' if held else 'OVER'} {bar}"
        print(text)
    if ours:
        peak = max(r["rss"] for r in ours)
        table["handover"]["rss_max"] = peak
        good = good and peak <= RSS_BAR
        print(f"  peak RSS of handover {peak / 2**20:.1f} MiB ({'<=' if peak <= RSS_BAR else 'OVER'} {RSS_BAR >> 20} MiB)")
    save(f"full_sync-{name}{'-small' if small else ''}", {
        "set": name, "keys": keys, "source_bytes": memory, "medians": table, "runs": runs})
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--small", action="store_true", help="a tenth of the keys")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--set", choices=sorted(SETS), action="append")
    p.add_argument("--ways", default="handover,replicaof,swapdb")
    p.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    args = p.parse_args()
    results = [bench(name, args.small, args.rounds, args.ways.split(",")) for name in args.set or ["strings", "mixed"]]
    return 0 if all(results) or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
