"""Passwords are planted, and looked for wherever somebody else could read them."""

import os
import pathlib
import pty
import select
import signal
import stat
import time

import pytest

import tool
from fill import fill
from servers import wait_until


class Terminal:
    """The tool on a terminal of its own: what it writes, and whether what is typed is echoed."""

    def __init__(self, *words, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(tool.BIN, [str(tool.BIN), *map(str, words)], tool.environment(more=env))
        self.shown = ""

    def read_until(self, words, deadline_s=15):
        ends = time.monotonic() + deadline_s * tool.SLOW
        while words not in self.shown:
            assert time.monotonic() < ends, self.shown
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.fd, 65536).decode()
                except OSError:  # the other end is closed
                    break
        return self.shown

    def type(self, text):
        os.write(self.fd, text)

    def exit_code(self):
        self.read_until("\0 no such text", 15) if self.alive() else None
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code

    def alive(self):
        return pathlib.Path(f"/proc/{self.pid}/stat").read_text().split()[2] != "Z"


def test_a_password_typed_at_the_terminal_lets_in_and_is_not_shown(server):
    source = server("redis-7.0", password="typed-source-word")
    terminal = Terminal("audit", "--source", source.url, "--source-askpass", "--sample-keys", "0", "--json")
    terminal.read_until("password of the source: ")
    terminal.type(b"typed-source-word\n")
    assert terminal.exit_code() in (tool.DONE, tool.FINDINGS)
    assert '"verdict"' in terminal.shown and "typed-source-word" not in terminal.shown


def test_a_wrong_one_and_an_interrupted_question(server):
    source = server("redis-7.0", password="typed-source-word")
    words = ("audit", "--source", source.url, "--source-askpass")
    terminal = Terminal(*words)
    terminal.read_until("password of the source: ")
    terminal.type(b"another-word\n")
    assert terminal.exit_code() == tool.SOURCE and "WRONGPASS" in terminal.shown and "another-word" not in terminal.shown
    terminal = Terminal(*words)
    terminal.read_until("password of the source: ")
    terminal.type(b"half\x03")
    assert terminal.exit_code() == tool.INTERRUPTED and "half" not in terminal.shown


def test_without_a_terminal_the_other_ways_are_named(server):
    done = tool.handover("audit", "--source", "redis://127.0.0.1:1", "--source-askpass")
    assert done.returncode == tool.USAGE and "--source-password-file" in done.stderr and "HANDOVER_SOURCE_PASSWORD" in done.stderr


HOOK = """#!/bin/sh
{ env; cat /proc/$PPID/environ /proc/$PPID/cmdline; ls -l /proc/self/fd; } > "$(dirname "$0")/seen" 2>&1
"""


@pytest.mark.parametrize("way", ["variable", "file", "configuration"])
def test_planted_passwords_are_found_nowhere(server, tmp_path, way):
    words = {"source": "PlantedSourceWord", "target": "PlantedTargetWord"}
    pair = {side: server(engine, password=words[side]) for side, engine in (("source", "redis-7.0"), ("target", "valkey-8.0"))}
    fill(pair["source"], 500)
    options = []
    for side, word in words.items():
        (tmp_path / side).write_text(word + "\n")
        (tmp_path / side).chmod(0o600)
        options += [f"--{side}-password-file", tmp_path / side] if way == "file" else []
    if way == "configuration":
        (tmp_path / "move.yml").write_text("".join(f"{side}-password-file: {tmp_path / side}\n" for side in words))
        options += ["--config", tmp_path / "move.yml"]
    hook = tmp_path / "hook" / "switch.sh"
    hook.parent.mkdir()
    hook.write_text(HOOK)
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    known = {side: one.password for side, one in pair.items()}
    if way != "variable":
        for one in pair.values():
            one.password = None  # the harness gives it to nobody
    with tool.Migration(pair["source"], pair["target"], [*options, "--switch-hook", hook]) as move:
        move.start()
        move.wait_phase("in-sync")
        shown = {"cmdline": pathlib.Path(f"/proc/{move.process.pid}/cmdline").read_bytes(),
                 "environ": pathlib.Path(f"/proc/{move.process.pid}/environ").read_bytes()}
        limits = pathlib.Path(f"/proc/{move.process.pid}/limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
        done = tool.handover("verify", "--source", pair["source"].url, "--target", pair["target"].url, "--workdir", move.workdir, *options,
                             **pair)
        assert done.returncode == tool.DONE, done.stderr
        shown["verify"] = (done.stdout + done.stderr).encode()
        for name, more in (("status", ()), ("status json", ("--json",)), ("quarantine", ("list",)), ("cutover", ("--dry-run",)), ("cutover", ())):
            done = move.command(name.split()[0], *more)
            shown[name] = (done.stdout + done.stderr).encode()
            assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
        wait_until(lambda: (hook.parent / "seen").exists(), 15, "the hook")
        move.wait_exit()
        shown["log"] = move.log().encode()
        shown.update({str(p): p.read_bytes() for p in [*move.directory.rglob("*"), *hook.parent.rglob("*")] if p.is_file()})
        assert any("journal" in name for name in shown) and b"HANDOVER_PHASE=switch" in shown[str(hook.parent / "seen")]
    found = [name for name, text in shown.items() for word in known.values() if word.encode() in text]
    assert found == []


def test_a_crash_leaves_no_core_with_them(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    migration.signal(signal.SIGABRT)
    migration.process.wait(15)
    assert migration.process.returncode == -signal.SIGABRT and not list(migration.directory.rglob("core*"))
