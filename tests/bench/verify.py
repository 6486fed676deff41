"""How fast `handover verify` compares two servers, and what it costs them.

    /usr/bin/python3 tests/bench/verify.py [--keys 2000000] [--expiring] [--runs 3] [--json FILE]

Fills a redis 7.0 source and a valkey 8.0 target with the same small keys (strings of 100 bytes,
one key in ten a hash of 20 fields), compares them, and prints keys/s, the CPU time of both servers
and of handover, and handover's largest resident size. The bar: 200,000 keys/s on two cores, 64 MiB.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import tool  # noqa: E402
from fill import Feed, fill_bench_strings  # noqa: E402
from servers import Server, cpu_seconds, peak_rss_bytes  # noqa: E402

KEYS_PER_S_MIN = 200_000
RSS_BYTES_MAX = 64 << 20


def expire_all(server, keys):
    with Feed(server) as feed:
        for n in range(keys):
            feed.send("PEXPIREAT", b"string:%d" % n, 1_900_000_000_000 + n)


class Peak(threading.Thread):
    """The largest resident size of a running process. (getrusage would answer ours, if larger.)"""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.rss_bytes, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError, ValueError):
                self.rss_bytes = max(self.rss_bytes, peak_rss_bytes(self.pid))

    def end(self):
        self.ended.set()
        self.join()


def machine_seconds():
    """CPU time of all cores: (busy, idle)."""
    fields = [int(f) / os.sysconf("SC_CLK_TCK") for f in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], fields[3] + fields[4]


def run_once(source, target):
    machine = machine_seconds()
    before = cpu_seconds(source.pid), cpu_seconds(target.pid)
    process = subprocess.Popen(
        [tool.BIN, "verify", "--source", source.url, "--target", target.url, "--json"],
        env=tool.environment(source, target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    peak = Peak(process.pid)
    output = process.stdout.read()
    peak.end()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    busy, idle = (b - a for a, b in zip(machine, machine_seconds()))
    report = json.loads(output)
    assert report["result"] == "equal", report
    servers = cpu_seconds(source.pid) - before[0], cpu_seconds(target.pid) - before[1]
    ours = usage.ru_utime + usage.ru_stime
    return {"keys": report["keys"]["compared"], "seconds": report["seconds"], "keys_per_s": report["keys_per_s"],
            "bytes": report["bytes"], "source_cpu_s": servers[0], "target_cpu_s": servers[1], "handover_cpu_s": ours,
            "others_cpu_s": max(0.0, busy - sum(servers) - ours), "idle_s": idle,
            "rss_bytes": peak.rss_bytes}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=2_000_000)
    parser.add_argument("--hashes", type=int, default=None, help="of them; default one in ten")
    parser.add_argument("--expiring", action="store_true", help="every string has an expiry")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--source", default="redis-7.0")
    parser.add_argument("--target", default="valkey-8.0")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    hashes = args.keys // 10 if args.hashes is None else args.hashes
    strings = args.keys - hashes
    with Server(args.source) as source, Server(args.target) as target:
        for server in (source, target):
            fill_bench_strings(server, strings, hashes)
            if args.expiring:
                expire_all(server, strings)
        print(f"{strings:,} strings of 100 bytes{', all expiring' if args.expiring else ''}, {hashes:,} hashes of 20 fields")
        print(f"{'run':>6}{'keys/s':>12}{'seconds':>9}{'source CPU':>12}{'target CPU':>12}{'our CPU':>9}"
              f"{'others':>9}{'idle':>7}{'RSS MiB':>9}")
        runs = []
        for n in range(args.runs):
            one = run_once(source, target)
            runs.append(one)
            print(f"{n + 1:>6}{one['keys_per_s']:>12,}{one['seconds']:>9.2f}{one['source_cpu_s']:>12.2f}"
                  f"{one['target_cpu_s']:>12.2f}{one['handover_cpu_s']:>9.2f}"
                  f"{one['others_cpu_s']:>9.2f}{one['idle_s']:>7.2f}{one['rss_bytes'] / 2**20:>9.1f}")
    median = statistics.median(r["keys_per_s"] for r in runs)
    rss = max(r["rss_bytes"] for r in runs)
    print(f"median {median:,.0f} keys/s (bar {KEYS_PER_S_MIN:,}), RSS at most {rss / 2**20:.1f} MiB (bar {RSS_BYTES_MAX >> 20})")
    if args.json:
        args.json.write_text(json.dumps({"runs": runs, "keys_per_s": median, "rss_bytes": rss}, indent=1))
    return 0 if median >= KEYS_PER_S_MIN and rss <= RSS_BYTES_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
