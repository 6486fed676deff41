"""The checkable workload: a process of its own that writes through python3-redis' connections and
remembers what was acknowledged.

    with Workload(source, then=target, seed=7) as w:
        w.wait_writes(5000)
        ...                        # the move; w.follow(target) is what a switch hook does
        report = w.stop()          # what it saw: counts, the write hold, what was wrong
    assert report["wrong"] == []
    assert w.check(target) == []   # every acknowledged write is there, none is there twice

A write whose reply was lost may or may not have happened; its cell is read once after reconnecting
(see cells.py). A refused write (READONLY, NOREPLICAS, ...) did not happen and is tried again, at the
address the follow file names by then.
"""

import argparse
import contextlib
import json
import os
import pathlib
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time

import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cells  # noqa: E402
from servers import die_with_parent, end_group, wait_until  # noqa: E402

DATABASES = (0, 3)
REFUSED = ("READONLY", "NOREPLICAS", "UNBLOCKED", "MASTERDOWN", "LOADING", "BUSY", "OOM", "EXECABORT", "MISCONF",
           "CLUSTERDOWN", "TRYAGAIN", "You can't write against a read only", "NOPERMISSION", "can't run this command")
LOST = (redis.ConnectionError, redis.TimeoutError, OSError)
WRONG_MAX = 50


def encode(command):
    out = [b"*%d\r\n" % len(command)]
    for p in command:
        if not isinstance(p, bytes):
            p = str(p).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(p), p))
    return b"".join(out)


def make_cells(seed, count):
    made = {}
    for db in DATABASES:
        made[db] = [kind(f"{seed}-{db}-{n}") for n in range(count) for kind in cells.FAMILIES]
    return made


class Writer:
    """The process' inside: one connection per database, batches of writes to distinct cells."""

    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.cells = make_cells(args.seed, args.cells)
        self.address = self.first = args.address
        self.connections = {}
        self.stopping = False
        self.report = {"writes": 0, "refused": 0, "lost": 0, "reconnects": 0, "unknown": 0, "held_seen": 0,
                       "wrong": [], "last_ack_first_ns": None, "first_ack_second_ns": None,
                       "longest_gap_ms": 0.0, "address": self.address}
        self.last_ack = None
        self.saved = 0.0

    # -- connections -----------------------------------------------------------------------------

    def connection(self, db):
        c = self.connections.get(db)
        if c is None:
            host, port = self.address.rsplit(":", 1)
            side = "" if self.address == self.first else "_SECOND"
            ca = os.environ.get("WORKLOAD_CA" + side)
            tls = {"ssl_ca_certs": ca, "ssl_check_hostname": True} if ca else {}
            c = (redis.SSLConnection if ca else redis.Connection)(
                host=host, port=int(port), db=db, password=os.environ.get("WORKLOAD_PASSWORD" + side) or None,
                socket_timeout=60, socket_connect_timeout=5, **tls)
            try:
                c.connect()
            except redis.AuthenticationError as e:
                raise RuntimeError(f"{self.address}: {e}") from e
            self.connections[db] = c
        return c

    def drop(self):
        for c in self.connections.values():
            c.disconnect()
        self.connections = {}

    def look_where(self):
        """The follow file names where the application should write now."""
        with contextlib.suppress(FileNotFoundError):
            said = pathlib.Path(self.args.follow).read_text().strip()
            if said and said != self.address:
                self.drop()
                self.address = self.report["address"] = said

    def ask(self, db, command):
        c = self.connection(db)
        c.send_packed_command([encode(command)])
        return c.read_response()

    # -- writing ---------------------------------------------------------------------------------

    def wrong(self, cell, text):
        if len(self.report["wrong"]) < WRONG_MAX:
            self.report["wrong"].append(f"{cell.family} {cell.number}: {text}")

    def acknowledged(self, cell, plan, reply):
        now = time.monotonic_ns()
        if self.last_ack is not None:
            self.report["longest_gap_ms"] = max(self.report["longest_gap_ms"], (now - self.last_ack) / 1e6)
        self.last_ack = now
        if self.address == self.first:
            self.report["last_ack_first_ns"] = now
        elif self.report["first_ack_second_ns"] is None:
            self.report["first_ack_second_ns"] = now
        self.report["writes"] += 1
        text = cell.settle(plan, reply)
        if text:
            self.wrong(cell, text)

    def resolve(self, db, open_plans):
        """Settles the writes whose reply was lost, by looking; waits for a server that answers."""
        self.report["lost"] += 1
        while open_plans and not self.stopping:
            cell, plan = open_plans[0]
            try:
                self.look_where()
                observed = cell.read(lambda command: self.ask(db, command))
            except LOST:
                self.drop()
                time.sleep(0.002)
                continue
            except redis.ResponseError:
                time.sleep(0.002)
                continue
            text = cell.adopt(plan, observed)
            if text:
                self.wrong(cell, text)
            open_plans.pop(0)
        for cell, _ in open_plans:  # stopped before it could be known: this cell says nothing any more
            self.report["unknown"] += 1
            self.cells[db].remove(cell)

    def batch(self, db, plans):
        """Sends the plans at once; answers those that were refused."""
        try:
            c = self.connection(db)
        except LOST:
            self.report["reconnects"] += 1
            self.drop()
            return plans  # nothing was sent
        done = 0
        refused = []
        try:
            c.send_packed_command([encode(x) for _, plan in plans for x in plan.commands])
            for cell, plan in plans:
                reply = error = None
                for _ in plan.commands:
                    try:
                        reply = c.read_response()
                    except redis.ResponseError as e:
                        error = error or e
                if isinstance(reply, list) and error is None:  # before 6.2 rights are looked at again at EXEC
                    error = next((x for x in reply if isinstance(x, redis.ResponseError)), None)
                done += 1
                if error is None:
                    self.acknowledged(cell, plan, reply)
                elif self.is_refusal(error):
                    self.report["refused"] += 1
                    refused.append((cell, plan))
                else:
                    self.wrong(cell, f"{plan.commands} answered the error {error}, state {cell.state!r}")
        except LOST:
            self.drop()
            self.resolve(db, plans[done:])
        return refused

    @staticmethod
    def is_refusal(error):
        # The client library strips the first word of some errors and makes a class of it.
        name = type(error).__name__.upper().replace("ERROR", "")
        text = str(error)
        return name in REFUSED or any(word in text for word in REFUSED)

    def planned(self, chosen):
        plans = [(cell, cell.plan(self.rng)) for cell in chosen]
        version = float(self.args.oldest if self.address == self.first else self.args.then_oldest)
        if version < 6.2:
            plans = [(cell, plan and cells.as_before_6_2(plan, version)) for cell, plan in plans]
        return [(cell, plan) for cell, plan in plans if plan]

    def run(self):
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        began, paced = time.monotonic(), 0
        while not self.stopping:
            db = self.rng.choice(DATABASES)
            chosen = self.rng.sample(self.cells[db], min(self.args.batch, len(self.cells[db])))
            plans = self.planned(chosen)
            self.look_where()
            refused = self.batch(db, plans)
            while refused and not self.stopping:
                time.sleep(0.0005)
                self.look_where()
                # An expiry planned before the wait may have passed: plan those anew.
                refused = self.batch(db, self.planned(cell for cell, _ in refused))
                self.save()
            paced += len(plans)
            self.save()
            if self.args.rate:
                ahead = paced / self.args.rate - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(min(ahead, 0.1))
                elif ahead < -1:
                    began, paced = time.monotonic(), 0  # no burst after a stall
        self.drop()
        with open(self.args.report + ".cells", "wb") as out:
            pickle.dump({db: [(type(c).__name__, c.number, c.state, c.writes) for c in made]
                         for db, made in self.cells.items()}, out)
        self.save(last=True)

    def ask_to_stop(self, *_):
        self.stopping = True

    def save(self, last=False):
        if not last and time.monotonic() < self.saved + 0.05:
            return
        self.saved = time.monotonic()
        r = self.report
        if r["first_ack_second_ns"] and r["last_ack_first_ns"]:
            r["hold_ms"] = (r["first_ack_second_ns"] - r["last_ack_first_ns"]) / 1e6
        r["ended"] = last
        pathlib.Path(self.args.report + ".new").write_text(json.dumps(r))
        os.replace(self.args.report + ".new", self.args.report)


class Workload:
    """The handle a test or the demo holds."""

    def __init__(self, server, seed=1, rate=0, cells=12, batch=8, then=None, wrapper=()):
        self.wrapper = list(wrapper)  # a command that runs the writer (ip netns exec NAME)
        self.then = then or server  # where it may be sent later: its password, and whom to trust
        self.server, self.seed, self.rate, self.cell_count, self.batch = server, seed, rate, cells, batch
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="handover-workload-"))
        self.report_path = self.directory / "report.json"
        self.follow_path = self.directory / "follow"
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [*self.wrapper, "/usr/bin/python3", __file__, "--address", self.server.address, "--seed", str(self.seed), "--rate", str(self.rate),
             "--cells", str(self.cell_count), "--batch", str(self.batch), "--oldest", self.server.engine.split("-")[1], "--then-oldest", self.then.engine.split("-")[1], "--report", str(self.report_path),
             "--follow", str(self.follow_path)],
            env=dict(os.environ, WORKLOAD_PASSWORD=self.server.password or "", WORKLOAD_CA=self.server.ca or "",
                     WORKLOAD_PASSWORD_SECOND=self.then.password or "", WORKLOAD_CA_SECOND=self.then.ca or ""),
            stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
        try:
            self.wait_writes(1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end_group(self.process)
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()

    def report(self):
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self.report_path.read_text())
        return {"writes": 0}

    def wait_writes(self, more, deadline_s=60):
        """Waits until `more` further writes were acknowledged."""
        goal = self.report()["writes"] + more
        self._wait(lambda: self.report()["writes"] >= goal, deadline_s, f"{goal} acknowledged writes")

    def wait_moved(self, deadline_s=60):
        """Waits until a write was acknowledged at another address than the first."""
        self._wait(lambda: self.report().get("first_ack_second_ns"), deadline_s, "a write at the second address")

    def _wait(self, condition, deadline_s, what):
        def checked():
            if self.process.poll() is not None:
                raise RuntimeError(f"the writer ended by itself with {self.process.returncode}")
            return condition()
        wait_until(checked, deadline_s, lambda: f"{what}; the writer says {self.report()}")

    def follow(self, server):
        fresh = self.follow_path.with_suffix(".new")
        fresh.write_text(server.address)
        os.replace(fresh, self.follow_path)

    def hook(self, path=None):
        """An executable for --switch-hook: sends the writer to HANDOVER_TARGET_HOST:HANDOVER_TARGET_PORT."""
        path = path or self.directory / "switch"
        path.write_text(f'#!/bin/sh\nprintf "%s:%s\\n" "$HANDOVER_TARGET_HOST" "$HANDOVER_TARGET_PORT" > "{self.follow_path}.new"\n'
                        f'mv "{self.follow_path}.new" "{self.follow_path}"\n')
        path.chmod(0o755)
        return path

    def stop(self):
        """Ends the writer after its last batch; answers its report."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        report = self.report()
        if not report.get("ended"):
            raise RuntimeError(f"the writer ended with {self.process.returncode} and without a last word")
        return report

    def check(self, server):
        """After stop(): what the server holds against what was acknowledged; the list of violations."""
        with open(str(self.report_path) + ".cells", "rb") as f:
            saved = pickle.load(f)
        found = []
        for db, rows in saved.items():
            with server.client(db=db) as client:
                client.response_callbacks.clear()
                for kind, number, state, writes in rows:
                    cell = getattr(cells, kind)(number)
                    cell.state = state
                    observed = cell.read(lambda command: client.execute_command(*command))
                    if not cell.same(observed, state):
                        found.append(f"db {db} {cell.family} {number} after {writes} writes: {observed!r}, wanted {state!r}")
        return found


def main():
    p = argparse.ArgumentParser()
    for name in ("address", "report", "follow"):
        p.add_argument("--" + name, required=True)
    for name in ("seed", "rate", "cells", "batch"):
        p.add_argument("--" + name, type=int, required=True)
    for name in ("oldest", "then-oldest"):  # the versions whose commands are used, on the first server and on the second
        p.add_argument("--" + name, default="7.0")
    Writer(p.parse_args()).run()


if __name__ == "__main__":
    main()
