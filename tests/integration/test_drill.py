"""The failover drill: real failovers of a sandbox and of a pair, under the canaries and a client of the user's own."""

import contextlib
import json
import signal
import subprocess
import threading

import pytest

from sandboxes import Sandbox
from servers import ROOT, Server, end_group, wait_until
from tool import AWS, BIN, DONE, FINDINGS, INTERRUPTED, SLOW, TARGET, USAGE, environment

TOKEN = "a-secret-of-sixteen-and-more"
# Of the service, where it has failed over: the order of the guide.
EVENTS = ["Test Failover API called", "Failover from primary", "Failover from primary", "Recovering cache nodes",
          "Finished recovery"]


CLIENT = f"exec:/usr/bin/python3 {ROOT / 'demo' / 'client.py'}"


def test_the_page_prints_the_client_that_is_there():
    page = (ROOT / "docs" / "drill.md").read_text()
    assert page.split("```python\n")[1].split("```")[0] == (ROOT / "demo" / "client.py").read_text()


def drill_environment(sandbox, password=None, **more):
    env = {k: v for k, v in environment().items() if not k.startswith("AWS_")}
    env.update(sandbox.aws_environment(), **more)
    if password:
        env["HANDOVER_TARGET_PASSWORD"] = password
    return env


def url_of(sandbox, group):
    one = sandbox.cluster(group)
    return f"redis{'s' if one['tls'] else ''}://{one['primary']['address']}:{one['primary']['port']}"


def start(env, *arguments, **more):
    return subprocess.Popen([BIN, "drill", "failover", *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more)


def drill(env, *arguments):
    process = start(env, *arguments)
    try:
        out, said = process.communicate(timeout=90 * SLOW)
    finally:
        end_group(process)
    process.report = json.loads(out) if out.startswith("{") else out
    process.said = said
    return process


def by_name(report):
    return {client["name"]: client for client in report["clients"]}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(compress="300", options=("--endpoints", "addresses")) as one:
        threads = [threading.Thread(target=one.create, args=args, kwargs=more) for args, more in [
            (("locked",), {"TransitEncryptionEnabled": True, "AuthToken": TOKEN}), (("alone", 0), {}), (("plain",), {})]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield one


def test_clients_follow_a_failover_with_tls_and_a_password(sandbox, tmp_path):
    ran = drill(drill_environment(sandbox, TOKEN, TMPDIR=str(tmp_path)), "--target", "elasticache://locked", "--target-ca",
                sandbox.status()["ca_file"], "--clients", CLIENT, "--json")
    assert ran.returncode == DONE, (ran.said, ran.report)
    report, clients = ran.report, by_name(ran.report)
    assert set(clients) == {"one by one", "pipelined", "transaction", "script", "blocking", "patient", "redis-py"}
    for client in clients.values():
        assert client["followed"] and client["acknowledged"] > 0 and client["advice"] == "", client
        assert 0 < client["stalled_ms"] < 30000, client
        assert client["failures"] or client["name"] == "blocking", client  # its pause may outlast the gap
    assert clients["redis-py"]["command"].startswith("/usr/bin/python3") and clients["redis-py"]["version"]
    assert not report["old_answers"] and report["moved_ms"] >= 0 and report["left_behind"] == 0
    assert report["old_primary"].endswith("(locked-001)") and report["new_primary"].endswith("(locked-002)")
    told = [event["message"] for event in report["events"]]
    assert report["events_complete"] and all(one.startswith(want) for one, want in zip(told, EVENTS, strict=True)), told
    sandbox.wait("locked")
    assert sandbox.redis("locked", password=TOKEN).dbsize() == 0
    assert "6 canaries and 1 client of yours write" in ran.said
    assert TOKEN not in ran.said and not list(tmp_path.iterdir()), "its password's file is left"


def test_a_drill_that_is_interrupted_leaves_nothing_behind(sandbox, tmp_path):
    process = start(drill_environment(sandbox), "--target", url_of(sandbox, "plain"), "--clients", CLIENT)
    try:
        said = []
        thread = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
        thread.start()
        wait_until(lambda: any("Start the failover" in line for line in said), 30 * SLOW, lambda: "".join(said))
        assert sandbox.redis("plain").dbsize() > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(30 * SLOW) == INTERRUPTED, said
        assert sandbox.redis("plain").dbsize() == 0
        thread.join(10 * SLOW)
        assert not thread.is_alive()  # nobody holds its standard error: what it started has ended
    finally:
        end_group(process)


REFUSED = {
    "no replica": (("--group", "alone"), USAGE, "increase-replica-count"),
    "no such group": (("--group", "absent"), AWS, "there is no replication group 'absent'"),
    "a client that says nothing": (("--group", "plain", "--clients", "exec:echo what; exit 3"), USAGE, "ended: what"),
    "no command": (("--clients", "cmd"), USAGE, "exec:"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_rehearsed_is_refused_before_anything_happens(name, sandbox):
    arguments, code, text = REFUSED[name]
    ran = drill(drill_environment(sandbox), "--target", url_of(sandbox, "plain"), *arguments)
    assert ran.returncode == code and text in ran.said, (ran.returncode, ran.said)
    assert sandbox.redis("plain").dbsize() == 0
    assert sandbox.group("plain")["Status"] == "available"


def test_a_replica_is_no_target(sandbox):
    replica = sandbox.cluster("plain")["nodes"][1]
    ran = drill(drill_environment(sandbox), "--target", f"redis://{replica['address']}:{replica['port']}")
    assert ran.returncode == TARGET and "is a replica" in ran.said and "primary endpoint" in ran.said, ran.said


def test_a_failover_elsewhere_than_here_is_asked_for_first(sandbox):
    """0.0.0.0 reaches the same API and is no address of this machine by its name."""
    endpoint = sandbox.status()["endpoint"].replace("127.0.0.1", "0.0.0.0")
    env = drill_environment(sandbox) | {"AWS_ENDPOINT_URL": endpoint}
    ran = drill(env, "--target", url_of(sandbox, "plain"), "--group", "plain")
    assert ran.returncode == USAGE and "--yes" in ran.said and "'plain' (2 nodes" in ran.said, ran.said
    assert sandbox.group("plain")["Status"] == "available" and sandbox.redis("plain").dbsize() == 0


def test_a_demoted_primary_answers_each_canary_in_its_way():
    with Sandbox(options=("--failover-style", "readonly"), compress="300") as sandbox:
        sandbox.create("demoted")
        idle = sandbox.redis("demoted", client_name="idle-app", single_connection_client=True)
        idle.ping()
        ran = drill(drill_environment(sandbox), "--target", url_of(sandbox, "demoted"), "--group", "demoted", "--json",
                    "--duration", "5s")
        assert ran.returncode == DONE, (ran.said, ran.report)
        clients = by_name(ran.report)
        assert "READONLY" in clients["one by one"]["failures"] and "READONLY" in clients["pipelined"]["failures"]
        assert "EXECABORT" in clients["transaction"]["failures"]
        assert "READONLY in a script" in clients["script"]["failures"]
        assert "UNBLOCKED" in clients["blocking"]["failures"]
        assert "force unblock" in clients["blocking"]["failures"]["UNBLOCKED"]["first"]
        idle_one, = [c for c in ran.report["connections"] if c["name"] == "idle-app"]
        assert (idle_one["before"], idle_one["stayed"], idle_one["now"]) == (1, 1, 0) and ran.report["old_answers"]
        idle.close()


def test_a_failover_that_only_moves_the_name_leaves_old_connections_astray():
    with Sandbox(options=("--failover-style", "dns"), compress="300") as sandbox:
        sandbox.create("left")
        ran = drill(drill_environment(sandbox), "--target", url_of(sandbox, "left"), "--group", "left", "--json",
                    "--duration", "3s")
        assert ran.returncode == FINDINGS and ran.report["left_behind"] == 5, (ran.said, ran.report)
        for client in ran.report["clients"]:
            assert not client["followed"] and client["lost"] > 0 and client["astray_ms"] > 0, client
            assert client["failures"] == {} and "age limit" in client["advice"], client
        assert sandbox.redis("left").dbsize() == 0  # of the new primary


def test_a_pair_of_ones_own_is_failed_over_by_its_owner():
    """The replica is promoted and takes the port of the old primary, as a virtual address would move."""
    with Server("valkey-8.0") as old, Server("valkey-8.0", options={"replicaof": f"127.0.0.1 {old.port}"}) as new:
        wait_until(lambda: new.client().info("replication")["master_link_status"] == "up", 20 * SLOW, "the replica")
        process = start(environment(), "--target", old.url, "--json", "--duration", "20s")
        try:
            said = []
            thread = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
            thread.start()
            wait_until(lambda: any("Start the failover" in line for line in said), 30 * SLOW, lambda: "".join(said))
            with new.client() as promoted:
                promoted.execute_command("REPLICAOF", "NO", "ONE")
                old.kill()
                with contextlib.suppress(Exception):  # the answer may come on a port that is given up
                    promoted.config_set("port", old.port)
            report = json.loads(process.stdout.read())
            assert process.wait(30 * SLOW) == DONE, said
        finally:
            end_group(process)
        assert report["group"] is None and report["left_behind"] == 0 and report["events"] == []
        assert all(client["followed"] for client in report["clients"])
        new.port = old.port
        assert new.client().dbsize() == 0
