"""Runs the product as an operator does. HANDOVER_BIN chooses the binary (the sanitizer build, say).

All spellings of options stand here and nowhere else.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from servers import ROOT, die_with_parent, end_group, wait_until

DONE, FINDINGS, USAGE, SOURCE, TARGET, AWS, INTERRUPTED, BUG = 0, 1, 2, 3, 4, 5, 6, 70
BIN = pathlib.Path(os.environ.get("HANDOVER_BIN", ROOT / "build" / "handover"))
SLOW = float(os.environ.get("HANDOVER_SLOW", "1"))  # a sanitizer build gets more time
PHASES = ("new", "checked", "snapshot", "catching-up", "in-sync", "verified", "fenced", "switched", "finished")

REFUSALS = (FINDINGS, USAGE, SOURCE, TARGET)  # how a preflight may end that found a reason not to start
REPLACE_TARGET = ("--target-policy", "replace")
MERGE_TARGET = ("--target-policy", "merge")


def accept(finding):
    return ("--accept", finding)


def environment(source=None, target=None, more=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    if source is not None and source.password:
        env["HANDOVER_SOURCE_PASSWORD"] = source.password
    if target is not None and target.password:
        env["HANDOVER_TARGET_PASSWORD"] = target.password
    env.update(more or {})
    return env


def handover(*arguments, source=None, target=None, deadline_s=60, env=None):
    """One command to its end: CompletedProcess with text."""
    return subprocess.run([BIN, *map(str, arguments)], env=environment(source, target, env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=deadline_s * SLOW)


class Migration:
    """One move: a work directory, and the `migrate run` process that may be killed and begun again."""

    def __init__(self, source, target, options=(), env=None):
        self.source, self.target = source, target
        self.options, self.env = list(options), env  # of `migrate run`
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="handover-move-"))
        self.workdir = self.directory / "work"
        self.process = None
        self.runs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            end_group(self.process, first=signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- migrate run -----------------------------------------------------------------------------

    def arguments(self, *more):
        return ["migrate", "run", "--source", self.source.url, "--target", self.target.url,
                "--workdir", self.workdir, *self.options, *more]

    def start(self, *more):
        assert self.process is None or self.process.poll() is not None, "a run is still going on"
        self.runs += 1
        with open(self.directory / "run.log", "ab") as log:
            log.write(b"--- run %d\n" % self.runs)
            log.flush()
            self.process = subprocess.Popen(
                list(map(str, [BIN, *self.arguments(*more)])), env=environment(self.source, self.target, self.env),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent)
        return self

    def dry_run(self, *more):
        return handover(*self.arguments("--dry-run", *more), source=self.source, target=self.target)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_exit(self, deadline_s=60):
        """The exit code of the run."""
        wait_until(lambda: not self.running(), deadline_s * SLOW, lambda: f"the run's end\n{self.log()}")
        return self.process.returncode

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL, without warning, with everything it started."""
        end_group(self.process, first=signal.SIGKILL)

    def log(self, size=6000):
        path = self.directory / "run.log"
        return path.read_text(errors="replace")[-size:] if path.exists() else ""

    # -- the other terminal ------------------------------------------------------------------------

    def command(self, name, *more, deadline_s=60):
        return handover("migrate", name, "--workdir", self.workdir, *more,
                        source=self.source, target=self.target, deadline_s=deadline_s)

    def status(self):
        """The JSON of `migrate status`; None while there is no work directory to tell about."""
        if not self.workdir.exists():
            return None
        done = self.command("status", "--json")
        if done.returncode != 0 or not done.stdout.strip():
            return None
        return json.loads(done.stdout)

    def phase(self):
        status = self.status()
        return status["phase"] if status else None

    def wait_phase(self, *wanted, deadline_s=60):
        """Waits for one of the phases; fails at once when the run ends before it."""
        def there():
            alive = self.running()
            phase = self.phase()
            if phase in wanted:
                return phase
            if not alive:
                raise AssertionError(f"the run ended with {self.process.returncode} in phase {phase}, "
                                     f"awaited {wanted}\n{self.log()}")
            return None
        return wait_until(there, deadline_s * SLOW, lambda: f"phase {wanted}; status {self.status()}\n{self.log()}",
                          every_s=0.05)

    def wait_status(self, condition, what, deadline_s=60):
        def there():
            status = self.status()
            return status if status and condition(status) else None
        return wait_until(there, deadline_s * SLOW, lambda: f"{what}; status {self.status()}\n{self.log()}", every_s=0.05)

    def wait_caught_up(self, deadline_s=60):
        """In sync, and everything the source has written by now is on the target."""
        self.wait_phase("in-sync", "verified", deadline_s=deadline_s)
        offset = self.source.offset()
        return self.wait_status(lambda s: s["stream"]["applied_offset"] >= offset, f"offset {offset} applied", deadline_s)


def verify(source, target, *more, deadline_s=120):
    """`handover verify`: (exit code, its JSON or None, the process)."""
    done = handover("verify", "--source", source.url, "--target", target.url, "--json", *more,
                    source=source, target=target, deadline_s=deadline_s)
    report = json.loads(done.stdout) if done.stdout.strip().startswith("{") else None
    return done.returncode, report, done
