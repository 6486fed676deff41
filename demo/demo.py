#!/usr/bin/python3
"""make demo: a whole move on this machine, on real engines, while an application writes.

A redis 7.0 with 500,000 keys moves to a valkey 8.0. An ordinary client (python3-redis) writes all
the time, remembers every acknowledged write, and follows at the cutover. Three judges must find
nothing: `handover verify`, a reader that shares no code with it, and the writer's memory. Servers
run on free loopback ports in a temporary directory; nothing is left behind.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import reader  # noqa: E402
import tool  # noqa: E402
from fill import fill  # noqa: E402
from servers import Server, die_with_parent, end_group, peak_rss_bytes  # noqa: E402
from workload import Workload  # noqa: E402

WRITER_KEYS = b"w:"
RATE = 3000


def human(size):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024


def step(title):
    print(f"\n== {title}", flush=True)


def row(name, value):
    print(f"   {name:<34} {value}", flush=True)


def keys_of(server):
    with server.client() as c:
        return sum(d["keys"] for d in c.info("keyspace").values())


def show_command(words):
    """As it could be typed: the verb, then one option a line."""
    text = "handover"
    for w in map(str, words):
        text += (" \\\n       " if w.startswith("--") else " ") + w
    print(f"   $ {text}", flush=True)


def run_migration(source, target, workdir, writer):
    """`migrate run` in the foreground, its progress line on this terminal; answers seconds and RSS."""
    words = ["migrate", "run", "--source", source.url, "--target", target.url, "--workdir", workdir,
             "--cutover", "auto", "--switch-hook", writer.hook()]
    show_command(words)
    print(flush=True)
    began, peak = time.monotonic(), 0
    process = subprocess.Popen([tool.BIN, *map(str, words)], env=tool.environment(source, target),
                               stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                peak = max(peak, peak_rss_bytes(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    finally:
        end_group(process)
    if process.returncode != 0:
        raise SystemExit(f"error: 'migrate run' ended with {process.returncode}")
    return time.monotonic() - began, peak


def story(directory, keys, stack):
    began = time.monotonic()
    source = stack.enter_context(Server(
        "redis-7.0", password="demo-source", directory=directory / "source", options={"repl-backlog-size": "64mb"}))
    target = stack.enter_context(Server("valkey-8.0", password="demo-target", directory=directory / "target"))
    workdir = directory / "move"

    step("1. A source with data, an empty target")
    row("source", f"{source.url}  redis {source.info('server')['redis_version']}")
    row("target", f"{target.url}  valkey {target.info('server')['valkey_version']}")
    filled = fill(source, keys)
    memory = source.info("memory")["used_memory"]
    row("filled with", f"{filled['keys']:,} keys of every type, two databases, {human(memory)}, in {filled['seconds']:.1f} s")

    step("2. An application that never stops writing")
    writer = stack.enter_context(Workload(source, then=target, seed=42, rate=RATE))
    writer.wait_writes(RATE)
    row("writer", f"about {RATE:,} writes/s: counters, lists, streams, transfers, scripts, expiries ...")

    step("3. The move")
    seconds, peak = run_migration(source, target, workdir, writer)
    writer.wait_moved()
    before = writer.report()["writes"]
    writer.wait_writes(RATE)
    row("the writer goes on at", f"{writer.report()['address']}  (+{writer.report()['writes'] - before:,} writes since)")
    report = writer.stop()
    wrong = report["wrong"] + writer.check(target)

    step("4. Are both sides alike? Three judges")
    verification = status(workdir)["verification"] or {"result": "none", "keys": 0, "differences": None}
    row("handover verify, before the switch", f"{verification['keys']:,} keys compared under writes, "
        f"{verification['differences']} differences")
    # The writer has gone on at the target, so its own keys differ from the source by right: they are
    # judged by what the writer remembers.
    found = reader.compare(source, target, ignore=WRITER_KEYS)
    row("an ordinary client, after it", f"all keys read from both sides, {len(found)} differences")
    row("the writer's memory", f"{report['writes']:,} acknowledged writes, {len(wrong)} lost or doubled")
    for text in [*(reader.show(found).splitlines() if found else []), *wrong][:20]:
        print("   " + text)

    step("5. The end of the move")
    done = tool.handover("migrate", "finish", "--workdir", workdir, source=source, target=target)
    show_command(["migrate", "finish", "--workdir", workdir])
    print("".join(f"   {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="")

    step("Summary")
    row("keys", f"{keys_of(target):,} on the target, {filled['keys']:,} were filled in")
    row("data in the source", human(memory))
    row("move, start to switch", f"{seconds:.1f} s")
    row("memory of handover, peak", human(peak))
    row("write hold, as the writer saw it", f"{report['hold_ms']:.1f} ms")
    row("acknowledged writes lost or doubled", f"{len(wrong)} of {report['writes']:,}")
    row("differences by handover verify", verification["differences"])
    row("differences by an ordinary client", len(found))
    row("whole demo", f"{time.monotonic() - began:.0f} s")
    good = not verification["differences"] and verification["keys"] and not found and not wrong and done.returncode == 0
    print("\n" + ("The move lost nothing." if good else "error: the move is NOT clean, see above."))
    return 0 if good else 1


def status(workdir):
    done = tool.handover("migrate", "status", "--workdir", workdir, "--json")
    return json.loads(done.stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--keys", type=int, default=500_000)
    keys = p.parse_args().keys
    # A stop by SIGTERM leaves by the same door as Ctrl-C: everything is ended and removed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="handover-demo-"))
    try:
        for name in ("source", "target"):
            (directory / name).mkdir()
        with contextlib.ExitStack() as stack:
            return story(directory, keys, stack)
    except KeyboardInterrupt:
        print("\nstopped; everything that was started is ended")
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
