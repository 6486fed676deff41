#!/usr/bin/python3
"""make soak: the fault tests at full length, then whole moves under load with kills, cuts and restarts,
with a new seed each, for a while.

    tests/integration/soak.py --seconds N [--seed S] [--moves-only]

Ends at the first difference with the seed that shows it, and exit code 1.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import time

import reader
import tool
from fill import fill
from servers import Server
from workload import Workload


def cut_source(move, rng):
    move.source.client().execute_command("CLIENT", "KILL", "TYPE", "replica")


def cut_target(move, rng):
    move.target.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def kill(move, rng):
    move.kill()


def lose_backlog(move, rng):
    move.kill()
    with move.source.client() as c:
        c.config_set("repl-backlog-size", 16384)
        for _ in range(100):
            c.set("backlog:filler", b"x" * 10_000)
        c.config_set("repl-backlog-size", 256 << 20)


HARM = [kill] * 6 + [cut_source, cut_target] * 3 + [lose_backlog]


def one_move(seed):
    """Answers what went wrong, as a list of texts."""
    rng = random.Random(seed)
    with Server("redis-7.0", password="a", options={"repl-backlog-size": "256mb"}) as source, Server("valkey-8.0", password="b") as target, \
            tool.Migration(source, target) as move:
        fill(source, rng.choice([100, 5000, 40_000]), seed=seed, expiring_ms=(200, 60_000))
        with Workload(source, then=target, seed=seed, rate=rng.choice([0, 2000, 8000]), batch=rng.choice([1, 8, 32])) as writer:
            for _ in range(rng.randint(3, 25)):
                if not move.running():
                    move.start("--switch-hook", writer.hook())
                writer.wait_writes(rng.randint(20, 4000))
                rng.choice(HARM)(move, rng)
            if not move.running():
                move.start("--switch-hook", writer.hook())
            move.wait_phase("in-sync", "verified", deadline_s=120)
            done = move.command("cutover", "--skip-verify")
            if done.returncode != tool.DONE:
                return [f"cutover ended with {done.returncode}: {done.stderr}"]
            writer.wait_moved()
            writer.wait_writes(1000)
            report = writer.stop()
            wrong = report["wrong"] + writer.check(target)
            found = reader.compare(source, target, ignore=b"w:")
            if found:
                wrong.append(reader.show(found))
            print(f"  {report['writes']:,} writes, {move.runs} runs, hold {report['hold_ms']:.1f} ms", flush=True)
            return wrong


def faults_hold():
    here = pathlib.Path(__file__).resolve().parent
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rP", "--tb=short", "--durations=10",
                           *sorted(here.glob("test_faults_*.py"))], env=dict(os.environ, HANDOVER_SOAK="1"))
    return done.returncode == 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=int, default=600)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--moves-only", action="store_true", help="without the fault tests")
    args = p.parse_args()
    if not args.moves_only and not faults_hold():
        return 1
    end, seed, moves = time.monotonic() + args.seconds, args.seed, 0
    while time.monotonic() < end:
        print(f"soak: seed {seed}", flush=True)
        wrong = one_move(seed)
        if wrong:
            print("\n".join(wrong))
            print(f"soak: FAILED with --seed {seed}")
            return 1
        seed, moves = seed + 1, moves + 1
    print(f"soak: {moves} moves, nothing lost and nothing twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
