#!/usr/bin/python3
"""make demo: a whole move to ElastiCache on this machine, while an application writes.

A redis 7.0 with 300,000 keys is audited and moved into a cache that is made from the audit's plan: valkey 8.0 with
TLS, an AUTH token and a replica, in a sandbox that stands in for ElastiCache. An ordinary client (python3-redis)
writes all the time, remembers every acknowledged write, and follows at the cutover. Three judges must find nothing:
`handover verify`, a reader that shares no code with it, and the writer's memory. At the end the new primary fails.
All is on loopback, in a temporary directory; nothing is left behind, however it ends.
"""

import argparse
import contextlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import reader  # noqa: E402
import screen  # noqa: E402
import tool  # noqa: E402
from fill import fill  # noqa: E402
from sandbox_process import Cache, SandboxProcess  # noqa: E402
from servers import Server, peak_rss_bytes, wait_until  # noqa: E402
from terminal import Failed, Terminal  # noqa: E402
from workload import Workload  # noqa: E402

KEYS = 300_000
WRITER_KEYS = b"w:"
RATE = 3000
TARGET = ("--target", "elasticache://cart", "--target-ca", "sandbox/ca.crt")
SOURCE_OPTIONS = {"maxmemory": "1gb", "maxmemory-policy": "volatile-lru", "notify-keyspace-events": "Ex",
                  "repl-backlog-size": "64mb", "enable-debug-command": None}


def keys_of(server):
    return sum(d["keys"] for d in server.info("keyspace").values())


def until(word, lines):
    return lines[:next((n for n, one in enumerate(lines) if one.startswith(word)), len(lines))]


def titles(lines):
    """Of the audit: its verdict, and what each blocker and warning is called."""
    return until("  Made at", lines)[2:] + [one for one in lines if re.match("block |warn ", one)]


def verdict(lines):
    """Of the network check: its first sentence, and the table of steps."""
    table = lines.index("Step by step")
    return [lines[2], *lines[table + 1:-3]]


class Story:
    """What the steps share. Whatever they start is ended with the stack."""

    def __init__(self, directory, options, stack):
        self.directory, self.keys, self.stack = directory, options.keys, stack
        self.password = secrets.token_hex(16)  # of a form that an AUTH token may have
        self.source = Server("redis-7.0", password=self.password, directory=directory, options=SOURCE_OPTIONS)
        hurry = ("--compress-time", options.compress_time) if options.compress_time else ()
        self.sandbox = SandboxProcess(("--endpoints", "addresses", *hurry), directory, "sandbox")
        self.target = Cache(self.sandbox, "cart", self.password, ca=self.sandbox.workdir / "ca.crt")
        self.writer = Workload(self.source, then=self.target, seed=42, rate=RATE)
        self.terminal = Terminal(directory)
        self.summary, self.wrong = {}, []  # what is told at the end; what is not as it should be

    def fill(self):
        self.stack.enter_context(self.source)
        screen.row("source", f"{self.source.url}  redis {self.source.info('server')['redis_version']}, with a password")
        filled = fill(self.source, self.keys)
        memory = screen.bytes_shown(self.source.info("memory")["used_memory"])
        screen.row("filled with", f"{filled['keys']:,} keys of every type, two databases, {memory}, in {filled['seconds']:.1f} s")
        self.stack.enter_context(self.writer)
        self.writer.wait_writes(RATE)
        screen.row("an application writes", f"{RATE:,} times/s: counters, lists, streams, transfers, scripts, expiries ...")
        self.summary["data"] = f"{filled['keys']:,} keys, {memory}"

    def sandbox_up(self):
        screen.command(["handover", "sandbox", "up", "--workdir", "sandbox", *self.sandbox.options], background=True)
        self.stack.enter_context(self.sandbox)
        screen.output(self.sandbox.log().replace(f"{self.directory}/", ""))
        screen.typed('eval "$(handover sandbox status --workdir sandbox --env)"')
        self.terminal.environment.update(self.sandbox.aws_environment())
        names = ("HANDOVER_SOURCE_PASSWORD", "HANDOVER_TARGET_PASSWORD", "CACHE_TOKEN")
        self.terminal.environment.update(dict.fromkeys(names, self.password))
        screen.typed(f"export {'=... '.join(names)}=...    # one password: clients keep it")

    def audit(self):
        self.terminal.run("audit", "--source", self.source.url, "--target", "valkey8.0", "--sample-keys", 20000,
                          "--plan", "cart.yml", excerpt=titles, expect=(tool.FINDINGS,))
        screen.note("1: something blocks. The plan answers it: the password becomes the cache's AUTH token.")
        self.terminal.show("cart.yml")

    def provision(self):
        self.terminal.edit("cart.yml", "name: cache", "name: cart")
        self.terminal.run("provision", "--plan", "cart.yml", "--target-ca", "sandbox/ca.crt")

    def dry_run(self):
        self.terminal.run("migrate", "run", "--source", self.source.url, *TARGET, "--workdir", "move", "--dry-run",
                          excerpt=lambda lines: until("cutover", lines))

    def run(self):
        self.began = time.monotonic()
        self.writer.hook(self.directory / "switch.sh")
        self.move = self.stack.enter_context(self.terminal.start(
            "migrate", "run", "--source", self.source.url, *TARGET, "--workdir", "move", "--switch-hook", "./switch.sh"))
        wait_until(lambda: self.move.check() or self.phase() == "in-sync", 180 * tool.SLOW, "in sync", every_s=0.1)
        screen.row("in sync after", f"{time.monotonic() - self.began:.1f} s")
        self.terminal.run("migrate", "status", "--workdir", "move")

    def phase(self):
        status = self.terminal.ask("migrate", "status", "--workdir", "move", "--json")
        return status and status["phase"]

    def verify(self):
        self.terminal.run("verify", "--workdir", "move")

    def network(self):
        self.terminal.run("audit", "network", *TARGET, excerpt=verdict)

    def cutover(self):
        self.terminal.run("migrate", "cutover", "--workdir", "move", "--dry-run")
        peak = peak_rss_bytes(self.move.process.pid)
        self.terminal.run("migrate", "cutover", "--workdir", "move")
        self.move.wait()
        self.writer.wait_moved()
        seconds, before = time.monotonic() - self.began, self.writer.report()["writes"]
        self.writer.wait_writes(RATE)
        report = self.writer.report()
        screen.row("the application goes on", f"at {report['address']}, with TLS: {report['writes'] - before:,} writes since")
        self.summary["from start to switch"] = f"{seconds:.1f} s, with at most {screen.bytes_shown(peak)} of memory"
        self.summary["writes were held"] = f"{report['hold_ms']:.0f} ms, as the application saw it"

    def judges(self):
        report = self.writer.stop()
        lost = report["wrong"] + self.writer.check(self.target)
        # The writer went on at the target, so its own keys differ by right: they are judged by its memory.
        found = reader.compare(self.source, self.target, ignore=WRITER_KEYS)
        screen.row("an ordinary client", f"reads all keys from both sides: {len(found)} differences")
        screen.row("the application", f"remembers {report['writes']:,} acknowledged writes: {len(lost)} lost or doubled")
        self.wrong += [*(reader.show(found).splitlines() if found else []), *lost][:20]
        for text in self.wrong:
            screen.line(text)
        self.summary["acknowledged writes"] = f"{report['writes']:,}, {len(lost)} lost or doubled"
        self.summary["differences"] = f"0 by handover verify, {len(found)} by an ordinary client"

    def finish(self):
        self.terminal.run("migrate", "finish", "--workdir", "move")
        screen.note("The move needed a target that evicts nothing. Now it gets the policy of the source:")
        self.terminal.edit("cart.yml", "policy: 'noeviction'", "policy: 'volatile-lru'")
        self.terminal.run("provision", "--plan", "cart.yml", "--target-ca", "sandbox/ca.crt", excerpt=lambda lines: lines[2:3])

    def drill(self):
        shutil.copy(ROOT / "demo" / "client.py", self.directory)
        self.terminal.run("drill", "failover", *TARGET, "--clients", "exec:/usr/bin/python3 client.py",
                          excerpt=lambda lines: lines[2:3] + lines[lines.index("Clients"):])
        screen.row("keys on the new primary", f"{keys_of(self.target):,}")


STEPS = (
    ("A source with data, and an application that never stops writing", Story.fill),
    ("A place to move to: ElastiCache's API and its engines, on this machine", Story.sandbox_up),
    ("What will not come along?", Story.audit),
    ("The plan becomes a cache: TLS, an AUTH token, two nodes, the audit's parameter group", Story.provision),
    ("What would a move do?", Story.dry_run),
    ("The move: copy, then follow", Story.run),
    ("Are both sides alike, while the application writes?", Story.verify),
    ("Does a new client reach the target from here?", Story.network),
    ("The cutover", Story.cutover),
    ("Two more judges", Story.judges),
    ("The end of the move", Story.finish),
    ("Who follows when the new primary fails?", Story.drill),
)
NEXT = (("your own server", "handover audit --source redis://HOST:6379    (it changes nothing)"),
        ("a rehearsal of your own", "handover sandbox up, docs/sandbox.md"),
        ("the handbook of a move", "docs/migrate.md"),
        ("your clients at a failover", "docs/drill.md, docs/clients-at-failover.md"))


def tell(story):
    began = time.monotonic()
    screen.title("A redis 7.0 moves to a cache of valkey 8.0, while an application writes.",
                 "The cache is in a sandbox, a stand-in of ElastiCache on this machine: no account, and nothing leaves it.",
                 f"The commands are typed in {story.directory}, which is gone at the end.")
    for number, (title, act) in enumerate(STEPS, 1):
        screen.step(f"{number}. {title}")
        act(story)
    screen.step("Summary")
    for name, value in {**story.summary, "whole demo": f"{time.monotonic() - began:.0f} s"}.items():
        screen.row(name, value)
    if story.wrong:
        raise Failed("the move is NOT clean, see step 10")
    screen.step("Nothing was lost. Where to go on:")
    for name, value in NEXT:
        screen.row(name, value)


def leave_by_one_door():
    """Control-C, SIGTERM and a closed terminal end it alike; a second one does not disturb the tidying up."""
    asked = []

    def stop(*_):
        asked.append(True)
        if len(asked) == 1:
            raise KeyboardInterrupt
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--keys", type=int, default=KEYS, help="of the source")
    p.add_argument("--compress-time", metavar="FACTOR", help="of the sandbox")
    options = p.parse_args()
    leave_by_one_door()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="handover-demo-"))
    tempfile.tempdir = str(directory)
    try:
        with contextlib.ExitStack() as stack:
            tell(Story(directory, options, stack))
        return 0
    except KeyboardInterrupt:
        print("\nstopped; everything that was started is ended", flush=True)
        return 130
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Failed, RuntimeError, TimeoutError, OSError, subprocess.SubprocessError) as problem:
        print(f"\nerror: {problem}\n  everything that was started is ended", flush=True)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
