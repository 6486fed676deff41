"""Programs of the operator's before and after the phases: in their order, with what they need, able to veto."""

import stat

import pytest

import tool
from fill import fill
from servers import wait_until

NAMES = ("before-snapshot", "after-snapshot", "after-in-sync", "after-verify", "before-cutover", "after-cutover", "before-finish",
         "after-finish", "before-abort", "after-abort")
HOOK = """#!/bin/sh
here=$(dirname "$0")
echo "$HANDOVER_PHASE $HANDOVER_RESULT $HANDOVER_SOURCE_PORT $HANDOVER_TARGET_PORT ${HANDOVER_WORKDIR##*/} $(ls /proc/self/fd | tr '\\n' ' ')" >>"$here/seen"
env | grep -q PASSWORD && echo "a password" >>"$here/seen"
[ ! -e "$here/veto-$HANDOVER_PHASE" ]
"""


def hook(directory, name, text=HOOK):
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)


@pytest.fixture
def hooks(tmp_path):
    directory = tmp_path / "hooks"
    directory.mkdir(mode=0o755)
    for name in NAMES:
        hook(directory, name)
    return directory


def seen(hooks):
    return [line.split() for line in (hooks / "seen").read_text().splitlines()] if (hooks / "seen").exists() else []


def names_seen(hooks):
    return [words[0] for words in seen(hooks)]


def test_they_run_in_their_order_and_those_before_can_veto(pair, hooks):
    fill(pair.source, 500)
    with tool.Migration(pair.source, pair.target, ["--hooks", hooks]) as move:
        (hooks / "veto-before-snapshot").touch()
        move.start()
        assert move.wait_exit() == tool.USAGE and "veto against the snapshot" in move.log()
        assert pair.source.info("stats")["sync_full"] == 0 and pair.target.client().dbsize() == 0
        (hooks / "veto-before-snapshot").unlink()
        move.start()
        move.wait_phase("in-sync")
        wait_until(lambda: names_seen(hooks)[1:] == ["before-snapshot", "after-snapshot", "after-in-sync"], 10, lambda: str(seen(hooks)))
        assert tool.verify(pair.source, pair.target, "--workdir", move.workdir)[0] == tool.DONE
        (hooks / "veto-before-cutover").touch()
        done = move.command("cutover")
        assert done.returncode == tool.USAGE and "veto against the cutover" in done.stderr, done.stderr
        pair.source.client().set("still", "writable")
        (hooks / "veto-before-cutover").unlink()
        done = move.command("cutover")
        assert done.returncode == tool.DONE, done.stderr
        assert move.wait_exit() == tool.DONE
        done = move.command("finish", "--keep-fence")  # it knows the hooks from the run
        assert done.returncode == tool.DONE, done.stderr
    assert names_seen(hooks)[4:] == ["before-cutover", "before-cutover", "after-cutover", "before-finish", "after-finish"]
    told = {words[0]: words[1:] for words in seen(hooks)}
    assert told["after-cutover"][:4] == ["done", str(pair.source.port), str(pair.target.port), "work"]
    assert told["before-cutover"][3:] == ["0", "1", "2", "3"]  # the last is the listing's own
    assert "password" not in (hooks / "seen").read_text()


def test_one_after_a_phase_that_fails_is_a_warning(pair, hooks):
    (hooks / "veto-after-in-sync").touch()
    with tool.Migration(pair.source, pair.target, ["--hooks", hooks]) as move:
        move.start()
        move.wait_phase("in-sync")
        wait_until(lambda: "the move goes on" in move.log(), 10, move.log)
        done = move.command("abort")
        assert done.returncode == tool.DONE, done.stderr
    assert names_seen(hooks)[-2:] == ["before-abort", "after-abort"]


@pytest.mark.parametrize("fault, words", [
    (lambda d: hook(d, "before-switch"), "no phase is"),
    (lambda d: (d / "after-verify").chmod(0o644), "cannot be run"),
    (lambda d: (d / "after-verify").chmod(0o775), "may be changed by others"),
    (lambda d: d.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO), "may be changed by others"),
    (lambda d: d.rename(d.parent / "elsewhere"), "open the hooks"),
], ids=["misspelt", "not executable", "writable", "directory writable", "not there"])
def test_what_could_not_speak_is_refused_at_the_start(pair, migration, hooks, fault, words):
    fault(hooks)
    done = tool.handover("migrate", "run", "--source", pair.source.url, "--target", pair.target.url, "--workdir", migration.workdir,
                         "--hooks", hooks, source=pair.source, target=pair.target)
    assert done.returncode == tool.USAGE and words in done.stderr, done.stderr
