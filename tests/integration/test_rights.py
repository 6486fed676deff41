"""The rights that docs/changes-on-your-servers.md tells operators to grant: enough for a whole move, and each of them needed."""

import re
import subprocess

import pytest

import reader
import tool
from fill import fill
from servers import ROOT
from workload import Workload

PAGE = (ROOT / "docs" / "changes-on-your-servers.md").read_text()
LINES = dict(zip(("source", "target"), re.findall(r"^ACL SETUSER handover on >\S+ (.*)$", PAGE, re.M)))
SIDES = {side: PAGE[PAGE.index(f"## Commands to the {side}"):PAGE.index(end)] for side, end in
         (("source", "## Commands to the target"), ("target", "`handover verify` sends"))}
VERIFY = PAGE[PAGE.index("`handover verify` sends"):PAGE.index("## Rights")]


class AsUser:
    """A server whose address names the user of the tool; the harness keeps its own."""

    def __init__(self, server, user="handover"):
        self.server, self.user = server, user
        self.password = f"{user}-pw"

    @property
    def url(self):
        return f"redis://{self.user}@{self.server.host}:{self.server.port}"

    def __getattr__(self, name):
        return getattr(self.server, name)


def grant(server, side, user="handover", without=None):
    rights = [r for r in LINES[side].split() if r != without]
    server.client().execute_command("ACL", "SETUSER", user, "reset", "on", f">{user}-pw", *rights)


def denied(server):
    return [entry for entry in server.client().execute_command("ACL", "LOG") if entry[b"username"] == b"handover"]


def test_they_are_enough_for_a_whole_move_and_no_command_is_refused(pair):
    for side in ("source", "target"):
        grant(getattr(pair, side), side)
    source, target = AsUser(pair.source), AsUser(pair.target)
    fill(pair.source, 5000, expiring_ms=(500, 30_000))
    with tool.Migration(source, target) as move, Workload(pair.source, then=pair.target, seed=91, rate=1000) as writer:
        move.start()
        move.wait_phase("in-sync")
        writer.wait_writes(1000)
        code, _, done = tool.verify(source, target, "--workdir", move.workdir)
        assert code == tool.DONE, done.stderr
        report = writer.stop()
        assert report["wrong"] == []
        move.wait_caught_up()
        assert reader.compare(pair.source, pair.target, held_allowed=True) == []
        for step in (("cutover",), ("finish", "--keep-fence")):
            done = move.command(*step)
            assert done.returncode == tool.DONE, done.stderr
    for side in ("source", "target"):
        # ACL DRYRUN of a right is no denial; a refused command would stand here.
        assert denied(getattr(pair, side)) == []


def named(text):
    """CLIENT PAUSE, SCAN ...: what stands in capitals."""
    return {m.lower() for m in re.findall(r"\b[A-Z]{2,}(?: [A-Z-]{2,})?\b", text)}


@pytest.mark.parametrize("side", ["source", "target"])
def test_each_right_is_of_a_command_that_the_page_names(side):
    told = named(SIDES[side] + VERIFY)
    told |= {word.split()[0] for word in told}
    for right in LINES[side].split():
        command = right[1:].replace("|", " ")
        if right[0] == "+" and command[0] != "@":
            assert command in told or command.upper() in PAGE, f"{right}: which step sends it?"
    granted = {r[1:].replace("|", " ") for r in LINES[side].split()}
    if side == "source":  # the target's user has all that reads and writes
        missing = {c for c in named(SIDES[side]) if c in ("psync", "replconf", "scan", "dump", "exec", "multi", "time")} - granted
        assert not missing, missing


# Without these the move is begun all the same; the page says what is lost.
OPTIONAL = {
    "source": {"+config|get", "+client|setname", "+acl|whoami", "+acl|dryrun", "+module|list"},
    "target": {"+config|get", "+acl|whoami", "+acl|dryrun", "+client|no-touch", "+wait"},
}
VERIFICATION = set(LINES["source"].split()[LINES["source"].split().index("+type"):])  # "everything from +type on"


@pytest.mark.parametrize("side", ["source", "target"])
def test_each_one_that_is_taken_away_is_named_before_anything_is_done(pair, tmp_path, side):
    other = "target" if side == "source" else "source"
    grant(getattr(pair, other), other)
    rights = [r for r in LINES[side].split() if r != "~*" and r not in OPTIONAL[side] | (VERIFICATION if side == "source" else set())]
    running = {}
    for n, right in enumerate(rights):
        user = f"without-{n}"
        grant(getattr(pair, side), side, user, right)
        ends = {side: AsUser(getattr(pair, side), user), other: AsUser(getattr(pair, other))}
        running[right] = subprocess.Popen(
            [tool.BIN, "migrate", "run", "--dry-run", "--source", ends["source"].url, "--target", ends["target"].url, "--workdir", tmp_path / user],
            env=tool.environment(ends["source"], ends["target"]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wrong = {}
    for right, process in running.items():
        said = process.communicate(timeout=60 * tool.SLOW)[0]
        if process.returncode == tool.DONE or right[0] == "+" and right[1] != "@" and right[1:].split("|")[0] not in said.lower():
            wrong[right] = (process.returncode, said[-400:])
    assert not wrong, wrong
