"""A source and a target behind Unix sockets: the whole move, and a socket that is not as it should be."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import types

import pytest

from servers import Server, wait_until
import tool
from test_cutover import assert_moved_whole
from workload import Workload


class SocketServer(Server):
    """Named by its Unix socket; the tests themselves look at it over TCP."""

    def __init__(self, engine, **more):
        super().__init__(engine, **more)
        self.socket = self.directory / "s.sock"
        self.options.update(unixsocket=self.socket, unixsocketperm=700)

    @property
    def url(self):
        return f"unix://{self.socket}"


@pytest.fixture
def behind_sockets():
    started = []

    def start(engine, **more):
        started.append(SocketServer(engine, **more))
        return started[-1].start()

    yield start
    for one in started:
        one.close()


@pytest.fixture
def sockets(behind_sockets):
    return types.SimpleNamespace(
        source=behind_sockets("redis-7.0", password="source-pw", options={"repl-backlog-size": "64mb"}),
        target=behind_sockets("valkey-8.0", password="target-pw"))


def hook_for(writer, target):
    """Sends the writer over TCP to the target, and keeps what the hook was told."""
    path = writer.directory / "switch"
    path.write_text(f'#!/bin/sh\nprintf "%s %s" "$HANDOVER_TARGET_HOST" "$HANDOVER_TARGET_PORT" > "{writer.directory}/told"\n'
                    f'printf "%s\\n" "{target.address}" > "{writer.follow_path}.new"\n'
                    f'mv "{writer.follow_path}.new" "{writer.follow_path}"\n')
    path.chmod(0o755)
    return path


def test_a_move_with_live_writes_goes_through_sockets_only(sockets):
    with tool.Migration(sockets.source, sockets.target) as move, \
            Workload(sockets.source, then=sockets.target, seed=31) as writer:
        sockets.source.client().execute_command("DEBUG", "POPULATE", 20_000, "old", 100)
        move.start("--switch-hook", hook_for(writer, sockets.target))
        move.wait_phase("in-sync", deadline_s=60)
        writer.wait_writes(2_000)
        code, report, done = tool.verify(sockets.source, sockets.target)
        assert code == tool.DONE, done.stdout + done.stderr
        connected = sockets.target.client().execute_command("CLIENT", "LIST").decode()
        link = [line for line in connected.splitlines() if "name=handover-" in line]
        assert link and all(f"{sockets.target.socket}:0" in line for line in link), connected
        done = move.command("cutover", "--dry-run")
        assert "Unix socket" in done.stdout, done.stdout
        done = move.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stderr + move.log()
        status = move.status()
        assert status["source"]["url"] == sockets.source.url and status["phase"] == "switched"
        assert (writer.directory / "told").read_text() == f"{sockets.target.socket} 0"
        assert_moved_whole(sockets, writer)
        assert move.wait_exit() == tool.DONE, move.log()
        assert "was not checked" in move.log()
        done = move.command("finish")
        assert done.returncode == tool.DONE, done.stderr


def test_the_link_comes_back_when_a_socket_does(sockets):
    with tool.Migration(sockets.source, sockets.target) as move:
        sockets.source.client().set("a", 1)
        move.start()
        move.wait_phase("in-sync")
        aside = sockets.target.socket.with_suffix(".aside")
        os.rename(sockets.target.socket, aside)
        for line in sockets.target.client().execute_command("CLIENT", "LIST").decode().splitlines():
            if "name=handover-" in line:
                sockets.target.client().execute_command("CLIENT", "KILL", "ID", line.split()[0].split("=")[1])
        sockets.source.client().set("b", 2)
        move.wait_status(lambda s: str(sockets.target.socket) in s["reason"] and "No such file" in s["reason"],
                         "the reason names the path and why")
        os.rename(aside, sockets.target.socket)
        wait_until(lambda: sockets.target.client().get("b") == b"2", 30, "the write on the target")
        sockets.source.stop()
        sockets.source.start()
        sockets.source.client().set("c", 3)
        wait_until(lambda: sockets.target.client().get("c") == b"3", 60, lambda: move.log())


def test_user_password_and_database_stand_in_the_url(behind_sockets):
    source = behind_sockets("redis-7.0")
    source.client().execute_command("ACL", "SETUSER", "app", "on", ">app-pw", "~*", "&*", "+@all")
    source.client(db=2).set("only", "here")
    env = {"HANDOVER_SOURCE": f"unix://app:app-pw@{source.socket}?db=2"}
    done = tool.handover("audit", "--json", env=env)
    report = json.loads(done.stdout)
    facts = {f["name"]: f["value"] for f in report["facts"]}
    assert facts["Source"] == str(source.socket) and facts["Read as user"] == "app", facts
    assert "app-pw" not in done.stdout + done.stderr
    done = tool.handover("audit", "--source", f"unix://app:app-pw@{source.socket}")
    assert done.returncode == tool.USAGE and "holds a password" in done.stderr and "app-pw" not in done.stderr


def stale(directory):
    path = directory / "stale.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    return path


def plain_file(directory):
    (directory / "file").write_text("no socket")
    return directory / "file"


WRONG = [
    (lambda d: d / "none.sock", tool.SOURCE, "No such file", "unixsocket"),
    (stale, tool.SOURCE, "refused", "no server listens"),
    (plain_file, tool.SOURCE, "refused", "is no socket"),
    (lambda d: d / ("x" * 120), tool.USAGE, "107", "unix://"),
]


@pytest.mark.parametrize("make,code,says,hint", WRONG, ids=["none", "stale", "file", "too-long"])
def test_a_socket_that_is_none_is_named_with_what_to_do(tmp_path, make, code, says, hint):
    with tempfile.TemporaryDirectory() as directory:
        path = make(pathlib.Path(directory))
        done = tool.handover("audit", "--source", f"unix://{path}")
        assert done.returncode == code, done.stderr
        assert says in done.stderr and hint in done.stderr, done.stderr
        if code == tool.SOURCE:
            assert str(path) in done.stderr


def test_a_socket_that_lets_nobody_in_is_named(behind_sockets):
    source = behind_sockets("redis-7.0")
    os.chmod(source.directory, 0o755)
    os.chmod(source.socket, 0o700)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", tool.BIN, "audit", "--source",
                           source.url], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
                          env=tool.environment(), timeout=60 * tool.SLOW)
    if "setpriv" in done.stderr or "cannot execute" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == tool.SOURCE, done.stderr
    assert str(source.socket) in done.stderr and "Permission denied" in done.stderr and "unixsocketperm" in done.stderr


def test_audit_network_says_that_a_socket_is_of_this_machine_only(behind_sockets):
    target = behind_sockets("valkey-8.0")
    done = tool.handover("audit", "network", "--target", target.url, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == tool.DONE and "only on this machine" in report["verdict"], report
    assert "network-endpoint-socket" in {f["id"] for f in report["findings"]}
    target.stop()
    done = tool.handover("audit", "network", "--target", target.url, "--json")
    assert done.returncode == tool.FINDINGS
    assert "network-socket-missing" in {f["id"] for f in json.loads(done.stdout)["findings"]}
