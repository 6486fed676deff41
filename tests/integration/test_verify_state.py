"""An interrupted verification goes on where it stood."""

import random
import signal
import subprocess
import time

import pytest

import tool
from fill import fill
from servers import die_with_parent, wait_until

# What makes the result `different`: planted on the target, anywhere in the walk.
MISSING, EXTRA = 7, 5


@pytest.fixture
def copied(pair):
    """Two standing servers with the same 300,000 keys but for a few."""
    fill(pair.source, 300_000)
    port = pair.source.address.rsplit(":", 1)[1]
    with pair.target.client() as t:
        if pair.source.password:
            t.config_set("masterauth", pair.source.password)
        t.execute_command("REPLICAOF", "127.0.0.1", port)
        wait_until(lambda: t.info("replication")["master_link_status"] == "up", 60, lambda: "the copy")
        t.execute_command("REPLICAOF", "NO", "ONE")
        keys = set()
        while len(keys) < MISSING:
            keys.add(t.randomkey())
        t.delete(*keys)
        for i in range(EXTRA):
            t.set(f"extra:{i}", i)
    return pair


def start(pair, state, *more):
    return subprocess.Popen(
        [str(tool.BIN), "verify", "--source", pair.source.url, "--target", pair.target.url, "--json", "--state",
         str(state), *more], env=tool.environment(pair.source, pair.target, None), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)


def interrupt(pair, state, number, after_s):
    process = start(pair, state)
    time.sleep(after_s)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_verification_that_is_killed_and_stopped_all_the_time_ends_with_the_whole_result(copied, tmp_path):
    state = tmp_path / "verify.state"
    rng = random.Random(5)
    stopped = 0
    for run in range(12):
        number = signal.SIGKILL if run % 3 == 2 else signal.SIGINT
        code, out, err = interrupt(copied, state, number, rng.uniform(0.2, 0.5))
        if code in (tool.DONE, tool.FINDINGS):
            break
        assert state.exists()
        if number == signal.SIGINT:
            assert code == 6 and "same '--state'" in err, err
            stopped += 1
    else:  # the rounds over the suspects at its end take longer than that
        out, err = start(copied, state).communicate(timeout=60)
    assert stopped >= 1, "it was done before it could be stopped"
    code, report, done = tool.verify(copied.source, copied.target)
    resumed = tool.json.loads(out)
    assert resumed["interrupted"] >= 1
    assert resumed["keys"]["compared"] == report["keys"]["compared"] >= 300_000
    assert resumed["databases"] == report["databases"]
    assert resumed["differences"] == report["differences"]
    assert report["differences"]["missing"] == MISSING and report["differences"]["extra"] == EXTRA
    assert not state.exists()


def test_a_state_of_other_servers_or_terms_is_refused_and_stays(copied, tmp_path):
    state = tmp_path / "verify.state"
    code, _, _ = interrupt(copied, state, signal.SIGINT, 0.3)
    assert code == 6
    kept = state.read_bytes()
    process = start(copied, state, "--ttl-tolerance", "5s")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "--ttl-tolerance 1000ms" in err, err
    copied.target.stop()
    copied.target.start()
    wait_until(lambda: copied.target.client().info("persistence")["loading"] == 0, 60, lambda: "the target's data")
    process = start(copied, state)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "restarted or failed over" in err and "delete the file" in err, err
    assert state.read_bytes() == kept


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "folder"])
def test_a_damaged_state_is_named_and_not_believed(pair, tmp_path, damage):
    state = tmp_path / "verify.state"
    text = b"handover-verify 1\nsource a\ntarget b\ncount compared 12\nend 1\n"
    if damage == "folder":
        state.mkdir()
    else:
        state.write_bytes({"cut": text[:-9], "changed": text, "foreign": b"REDIS0011\n"}[damage])
    process = start(pair, state)
    _, err = process.communicate(timeout=60)
    assert process.returncode not in (tool.DONE, tool.FINDINGS)
    assert str(state) in err, err
    assert damage == "folder" or "delete it" in err, err


def test_repair_takes_no_state(pair, tmp_path):
    process = start(pair, tmp_path / "x", "--repair")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "do not go together" in err, err
