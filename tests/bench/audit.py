#!/usr/bin/python3
"""What an audit costs the source's clients: latency under load, with and without one.

    tests/bench/audit.py [--rounds 9] [--seconds 6] [--keys 300000] [--engine redis-7.0] [--check]

A process writes and reads 20,000 times a second; another one asks for one key at a time and notes how
long each answer took. A round is one window without an audit and one in which audits follow each
other, in changing order; its figure is the ratio of the two 99th percentiles. The bar: the median
of the rounds is at most 1.2.
"""

import argparse
import contextlib
import multiprocessing
import pathlib
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import tool  # noqa: E402
from fill import fill  # noqa: E402
from machine import save  # noqa: E402
from servers import Server, die_with_parent  # noqa: E402

BAR = 1.2
OPERATIONS_PER_S = 20_000
TICK_S = 0.001


def load(port, stop, done):
    """20 commands every millisecond, in one write; what was missed is not made up for."""
    die_with_parent()
    one = b"*3\r\n$3\r\nSET\r\n$6\r\nload:1\r\n$20\r\n" + b"x" * 20 + b"\r\n*2\r\n$3\r\nGET\r\n$6\r\nload:1\r\n"
    batch = one * int(OPERATIONS_PER_S * TICK_S / 2)
    commands = batch.count(b"*")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = time.monotonic()
        while not stop.is_set():
            s.sendall(batch)
            answers = 0
            while answers < commands // 2:
                answers += s.recv(65536).count(b"$20\r\n")
            done.value += commands
            at = max(at + TICK_S, time.monotonic() - 0.1)
            time.sleep(max(0.0, at - time.monotonic()))


def probe(port, seconds):
    """The 99th percentile of single GETs, in microseconds."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.perf_counter()
            s.sendall(b"*2\r\n$3\r\nGET\r\n$6\r\nload:1\r\n")
            s.recv(4096)
            took.append(time.perf_counter() - begun)
            time.sleep(0.0005)
    return statistics.quantiles(took, n=100)[98] * 1e6


@contextlib.contextmanager
def auditing(source):
    """One audit after the other, as long as the window lasts."""
    command = f"while '{tool.BIN}' audit --source {source.url} --sample-keys 1000000 --json >/dev/null; [ $? -le 1 ]; do :; done"
    shell = subprocess.Popen(["sh", "-c", command], env=tool.environment(source), start_new_session=True,
                             preexec_fn=die_with_parent, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        yield
    finally:
        tool.end_group(shell)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--keys", type=int, default=300_000)
    p.add_argument("--engine", default="redis-7.0")
    p.add_argument("--check", action="store_true", help="exit 1 when the bar is missed")
    args = p.parse_args()
    ratios = []
    with Server(args.engine) as source:
        fill(source, args.keys)
        stop, done = multiprocessing.Event(), multiprocessing.Value("Q", 0)
        worker = multiprocessing.Process(target=load, args=(source.port, stop, done), daemon=True)
        worker.start()
        probe(source.port, 1)
        begun, first = time.monotonic(), done.value
        for n in range(args.rounds):
            figures = {}
            for audited in (n % 2 == 0, n % 2 == 1):
                with auditing(source) if audited else contextlib.nullcontext():
                    figures[audited] = probe(source.port, args.seconds)
            ratios.append(figures[True] / figures[False])
            print(f"  round {n + 1}: p99 {figures[False]:.0f} us alone, {figures[True]:.0f} us audited, ratio {ratios[-1]:.2f}", flush=True)
        rate = (done.value - first) / (time.monotonic() - begun)
        stop.set()
        worker.join()
    median = statistics.median(ratios)
    held = median <= BAR
    print(f"audit under {rate:.0f} operations/s: median ratio of p99 {median:.2f}, bar {BAR}: {'held' if held else 'MISSED'}")
    save("audit", {"ratio": median, "ratios": ratios, "operations_per_s": rate, "bar": BAR})
    return 1 if args.check and not held else 0


if __name__ == "__main__":
    sys.exit(main())
