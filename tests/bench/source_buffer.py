#!/usr/bin/python3
"""What the source keeps in its memory for the link while a slow snapshot is made: over one channel, over two.

    tests/bench/source_buffer.py [--engines valkey-8.0,valkey-9.1] [--seconds 20] [--megabytes 5] [--rounds 3] [--check]

The snapshot is made slow by rdb-key-save-delay (one millisecond for each key). Meanwhile values of 10 kB are
written over the same 500 keys at a steady rate, so the data does not grow. Ten times a second INFO memory is asked: the peak
of what the replication takes (mem_total_replication_buffers, mem_clients_slaves) is the figure.
The bar: over two channels a tenth of what is written during the snapshot, at most.
"""

import argparse
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import tool  # noqa: E402
from fill import Feed, Values  # noqa: E402
from machine import save  # noqa: E402
from servers import Server  # noqa: E402

VALUE = 10_000
KEYS = 500
MB = 1024 * 1024
BAR = 0.1
OPTIONS = {"repl-backlog-size": "1mb", "client-output-buffer-limit": "replica 0 0 0", "repl-diskless-sync": "yes"}


class Load(threading.Thread):
    """Writes at the rate until told to stop."""

    def __init__(self, source, megabytes):
        super().__init__(daemon=True)
        self.source, self.each_s, self.over = source, VALUE / (megabytes * MB), threading.Event()

    def run(self):
        v = Values(1)
        began, n = time.monotonic(), 0
        with Feed(self.source) as feed:
            while not self.over.is_set():
                while n * self.each_s < time.monotonic() - began:
                    feed.send("SET", b"w:%d" % (n % KEYS), v.text(VALUE))
                    n += 1
                feed.flush()
                time.sleep(0.005)


def measure(engine, dual, seconds, megabytes):
    options = {**OPTIONS, "dual-channel-replication-enabled": "yes" if dual else "no"}
    with Server(engine, options=options) as source, Server("valkey-8.0") as target:
        with Feed(source) as feed:
            for n in range(int(seconds * 1000)):
                feed.send("SET", b"s:%d" % n, b"x" * 100)
        c = source.client()
        c.config_set("rdb-key-save-delay", 1000)
        load = Load(source, megabytes)
        load.start()
        peaks = {"mem_total_replication_buffers": 0, "mem_clients_slaves": 0, "used_memory": 0}
        before = c.info("memory")["used_memory"]
        with tool.Migration(source, target, (*tool.accept("output-buffer"), *tool.accept("backlog"))) as move:
            move.start("--progress", "none")
            began = written = None
            while move.phase() in (None, "new", "checked", "snapshot"):
                assert move.running(), move.log()
                now = c.info()
                if began is None and now["connected_slaves"]:
                    began, written = time.monotonic(), now["master_repl_offset"]
                for name, peak in peaks.items():
                    peaks[name] = max(peak, now[name])
                time.sleep(0.05)
            run = {"seconds": time.monotonic() - began, "written": c.info()["master_repl_offset"] - written, **peaks,
                   "grown": peaks["used_memory"] - before, "dual": move.status()["snapshot"]["dual_channel"]}
            move.kill()
        load.over.set()
        load.join()
        assert run["dual"] == dual, "the snapshot came another way"
        return run


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--engines", default="valkey-8.0,valkey-8.1,valkey-9.1")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--megabytes", type=float, default=5, help="written a second")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--check", action="store_true", help="exit 1 when the bar is missed")
    args = p.parse_args()
    print(f"\nwhat the source keeps: snapshot of about {args.seconds:.0f} s, {args.megabytes:.0f} MB written a second", flush=True)
    runs, worst = {}, 0.0
    for engine in args.engines.split(","):
        for way in ("one channel", "two channels"):
            them = [measure(engine, way == "two channels", args.seconds, args.megabytes) for _ in range(args.rounds)]
            runs[f"{engine}, {way}"] = them
            middle = {k: statistics.median(r[k] for r in them) for k in them[0]}
            print(f"  {engine} {way:<12} {middle['seconds']:5.1f} s, written {middle['written'] / MB:6.1f} MB; peaks: replication buffers "
                  f"{middle['mem_total_replication_buffers'] / MB:6.1f} MB, mem_clients_slaves {middle['mem_clients_slaves'] / MB:6.1f} MB,"
                  f" used_memory +{middle['grown'] / MB:.1f} MB", flush=True)
            if way == "two channels":
                worst = max(worst, middle["mem_total_replication_buffers"] / middle["written"])
    print(f"  over two channels {worst:.3f} of what was written {'<=' if worst <= BAR else 'OVER'} {BAR}")
    save("source_buffer", {"runs": runs, "worst": worst})
    return 1 if args.check and worst > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
