#!/usr/bin/python3
"""make bench: every figure of the design's table, one after the other, and a summary.

    tests/bench/all.py [--small] [--only full_sync,catch_up,rdb,verify,hold,audit,source_buffer] [--check]

--small: a tenth of the keys, two rounds, five cutovers. Each part prints its own table and leaves its figures
in build/bench/; the summary is build/bench/summary.json and names the machine. Measure on a machine
that does nothing else.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from fill import fill, fill_bench_strings  # noqa: E402
from machine import ROOT, machine, save  # noqa: E402
from servers import Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
RDB_BAR = 1.0  # GB/s on one core


def part(name, *arguments):
    return subprocess.run([sys.executable, str(HERE / f"{name}.py"), *map(str, arguments)], check=False).returncode


def figures(name):
    path = ROOT / "build" / "bench" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def full_sync(small):
    return part("full_sync", "--rounds", 2 if small else 3, "--check", *(["--small"] if small else []))


def catch_up(small):
    return part("catch_up", "--commands", 200_000 if small else 2_000_000, "--rounds", 1 if small else 3, "--check")


def verify(small):
    return part("verify", "--keys", 200_000 if small else 2_000_000, "--json", ROOT / "build" / "bench" / "verify.json")


def hold(small):
    return part("hold", "--cutovers", 5 if small else 100, "--check")


def source_buffer(small):
    return part("source_buffer", "--rounds", 1 if small else 3, "--seconds", 5 if small else 20, "--check")


def audit(small):
    return part("audit", "--rounds", 3 if small else 15, "--check", *(["--keys", 50_000, "--seconds", 3] if small else []))


def rdb(small):
    """The files of both data sets, read from the page cache."""
    sets = {"strings": lambda s: fill_bench_strings(s, *((200_000, 20_000) if small else (2_000_000, 200_000))),
            "mixed": lambda s: fill(s, 670_000 if small else 6_700_000)}
    rows, good = {}, True
    print("\nreading RDB files", flush=True)
    for name, make in sets.items():
        with tempfile.TemporaryDirectory() as directory, Server("redis-7.0", directory=directory) as server:
            make(server)
            with server.client(socket_timeout=600) as c:
                c.save()
            for mode in ([], ["--decode"]):
                said = [subprocess.run([str(ROOT / "build" / "tests" / "bench" / "rdb_read"), *mode, f"{directory}/dump.rdb"],
                                       check=True, capture_output=True, text=True).stdout for _ in range(3)]
                speed = sorted(float(re.search(r"without the kernel ([0-9.]+) GB/s", s).group(1)) for s in said)[1]
                rows[f"{name}{' decoded' if mode else ''}"] = speed
                held = bool(mode) or speed >= RDB_BAR
                good = good and held
                print(f"  {name:<8} {'decode and digest' if mode else 'pass on':<18} {speed:5.2f} GB/s on one core"
                      f"{'' if mode else '  held' if held else '  BELOW ' + str(RDB_BAR)}", flush=True)
    save("rdb", {"gb_per_s": rows})
    return 0 if good else 1


PARTS = {"full_sync": full_sync, "catch_up": catch_up, "rdb": rdb, "verify": verify, "hold": hold, "audit": audit, "source_buffer": source_buffer}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--small", action="store_true")
    p.add_argument("--only", default=",".join(PARTS))
    p.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    args = p.parse_args()
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, {here['memory']}; {here['system']}; {here['commit']}; load before {here['load_before']:.1f}")
    codes = {name: PARTS[name](args.small) for name in args.only.split(",")}
    print("\n" + ", ".join(f"{name} {'held' if code == 0 else 'MISSED'}" for name, code in codes.items()), flush=True)
    save("summary", {"small": args.small, "held": {name: code == 0 for name, code in codes.items()},
                     "parts": {name: figures(name) for name in codes if name != "full_sync"}})
    return 1 if args.check and any(codes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
