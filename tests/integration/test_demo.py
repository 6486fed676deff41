"""The demo, as `make demo` runs it but small: the whole story, and what is left when it is stopped or a step fails."""

import contextlib
import os
import pathlib
import signal
import subprocess

import tool
from servers import ROOT, end_group, wait_until

MARK = "HANDOVER_TEST_OF_DEMO"
STEPS = 12


@contextlib.contextmanager
def demo(directory, program=None):
    """The demo's process; its temporary directory is within this one."""
    env = {**os.environ, "TMPDIR": str(directory), MARK: str(directory), **({"HANDOVER_BIN": str(program)} if program else {})}
    process = subprocess.Popen(["/usr/bin/python3", ROOT / "demo" / "demo.py", "--keys", "5000", "--compress-time", "600"], env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        yield process
    finally:
        process.stdout.close()
        end_group(process)


def of_it(directory):
    """Processes that it started: they have its environment, or are in its directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (os.readlink(entry / "cwd").startswith(str(directory)) or
                                         f"{MARK}={directory}".encode() in (entry / "environ").read_bytes()):
                found.append((entry / "cmdline").read_bytes())
    return found


def ended(process, directory):
    """The exit code; nothing may be left."""
    code = process.wait(120 * tool.SLOW)
    wait_until(lambda: not of_it(directory), 10 * tool.SLOW, lambda: of_it(directory))
    assert not list(directory.iterdir())
    return code


def test_it_moves_everything_and_leaves_nothing(tmp_path):
    with demo(tmp_path) as process:
        said = process.stdout.read()
        assert ended(process, tmp_path) == 0, said
    for n in range(1, STEPS + 1):
        assert f"== {n}. " in said
    for words in ("$ handover provision --plan cart.yml", "The cache stands as planned", "Reachable from here.", "equal",
                  "finished: every change was taken back", "all clients followed the failover", "Nothing was lost."):
        assert words in said, said


def test_control_c_in_the_middle_of_the_move_ends_everything(tmp_path):
    with demo(tmp_path) as process:
        for line in process.stdout:
            if "snapshot: copying" in line:
                break
        assert len(of_it(tmp_path)) > 5  # source, writer, sandbox, its nodes, the move
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # impatience does not disturb the tidying up
        said = process.stdout.read()
        assert ended(process, tmp_path) == 130, said
    assert "stopped; everything that was started is ended" in said and "Traceback" not in said, said


def test_a_step_that_fails_ends_everything_and_says_which(tmp_path):
    program = tmp_path / "program"
    program.mkdir()
    program = program / "handover"
    program.write_text(f'#!/bin/sh\n[ "$1" = verify ] && {{ echo "error: no luck" >&2; exit 4; }}\nexec {tool.BIN} "$@"\n')
    program.chmod(0o755)
    directory = tmp_path / "it"
    directory.mkdir()
    with demo(directory, program) as process:
        said = process.stdout.read()
        assert ended(process, directory) == 1, said
    assert "error: no luck" in said and "'handover verify ...' ended with 4" in said and "Traceback" not in said, said
