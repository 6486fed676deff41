"""The audit on real servers: it only reads, a user with few rights suffices, each missing right is told."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

import tool
from servers import free_port, wait_until

# What docs/audit.md tells operators to grant, no more.
RIGHTS = ("+ping", "+info", "+client|setname", "+client|list", "+config|get", "+acl|list", "+acl|whoami", "+module|list",
          "+function|list", "+latency|latest", "+slowlog|get", "+pubsub|numsub", "+cluster|nodes", "+select", "+scan",
          "+type", "+pttl", "+memory|usage", "+object|encoding", "+object|freq", "+strlen", "+llen", "+scard", "+zcard",
          "+hlen", "+xlen")
# The right that is taken away, and the finding that must come.
TOLD = {
    "+info": "unread-info:INFO", "+client|list": "unread-clients:CLIENT LIST", "+config|get": "unread-settings:CONFIG GET",
    "+acl|list": "unread-users:ACL LIST", "+acl|whoami": "unread-users:ACL WHOAMI",
    "+module|list": "unread-modules:MODULE LIST", "+function|list": "unread-functions:FUNCTION LIST",
    "+latency|latest": "unread-operations:LATENCY LATEST", "+slowlog|get": "unread-operations:SLOWLOG GET",
    "+pubsub|numsub": "unread-operations:PUBSUB NUMSUB", "+scan": "unread-keys:SCAN", "+select": "unread-keys:SCAN",
    "+type": "unread-keys:TYPE", "+pttl": "unread-keys:PTTL", "+memory|usage": "unread-keys:MEMORY USAGE",
    "+object|encoding": "unread-keys:OBJECT ENCODING", "+object|freq": "unread-keys:OBJECT FREQ",
}
BOUNDED = {"ping", "info", "client", "config", "acl", "module", "function", "latency", "slowlog", "pubsub", "cluster",
           "select", "scan", "type", "pttl", "memory", "object", "strlen", "llen", "scard", "zcard", "hlen", "xlen",
           "auth", "hello"}


def audit(source, *more, env=None, url=None):
    """(exit code, the report as JSON, the process)"""
    done = tool.handover("audit", "--source", url or source.url, "--json", *more, source=source, env=env)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else None, done


def ids(report):
    return {f["id"] for f in report["findings"]}


def fill(server, keys=3_000):
    pipe = server.client().pipeline(transaction=False)
    for i in range(keys):
        pipe.set(f"session:{i}", "x" * 50, ex=3600 if i % 2 else None)
    pipe.rpush("queue", *range(500))
    pipe.hset("cart:1", mapping={"a": 1, "b": 2})
    pipe.execute()


class Monitor:
    """Every command that the server executes, as MONITOR shows it."""

    def __init__(self, server):
        self.lines = []
        self.connection = server.client().monitor().__enter__()
        self.ended = False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for one in self.connection.listen():
            self.lines.append(one["command"])
            if one["command"].lower().startswith("echo the-end"):
                self.ended = True
                return

    def end(self, server):
        server.client().execute_command("ECHO", "the-end")
        wait_until(lambda: self.ended, 10, "the end of MONITOR")
        return self.lines[:-1]


@pytest.mark.parametrize("engine", ["redis-7.0", "valkey-8.0"])
def test_the_audit_sends_only_bounded_commands_that_read(server, engine):
    source = server(engine, options={"maxmemory-policy": "allkeys-lfu"})
    fill(source)
    before = source.info()
    monitor = Monitor(source)
    code, report, done = audit(source, "--watch", "2s")
    lines = [line for line in monitor.end(source)]
    assert report, done.stderr
    sent = {line.split()[0].strip('"').lower() for line in lines}
    assert sent <= BOUNDED, sent - BOUNDED
    for line in lines:
        words = line.lower().split()
        if words[0] == "scan":
            assert words[2:] == ["count", "16"], line
        if words[0] in ("config", "acl", "client", "function", "module", "slowlog"):
            assert words[1] in ("get", "list", "whoami", "setname"), line
    after = source.info()
    for same in ("master_repl_offset", "rdb_changes_since_last_save", "expired_keys", "evicted_keys"):
        assert before[same] == after[same], same
    assert before["db0"]["keys"] == after["db0"]["keys"]


def user_of(source, rights):
    source.client().execute_command("ACL", "SETUSER", "auditor", "reset", "on", ">audit-pw", "~*", *rights)
    return {"HANDOVER_SOURCE_PASSWORD": "audit-pw"}, f"redis://auditor@{source.address}"


def test_a_user_with_the_documented_rights_suffices_and_each_missing_one_is_told(server):
    source = server("redis-7.0", options={"maxmemory-policy": "allkeys-lfu"})
    fill(source, 200)
    env, url = user_of(source, RIGHTS)
    _, report, done = audit(source, env=env, url=url)
    assert report, done.stderr
    assert not [i for i in ids(report) if i.startswith("unread")], ids(report)
    assert "audit-pw" not in done.stdout + done.stderr
    for right, finding in TOLD.items():
        env, url = user_of(source, [r for r in RIGHTS if r != right])
        _, report, done = audit(source, env=env, url=url)
        assert report, (right, done.stderr)
        assert finding in ids(report), (right, sorted(ids(report)))
        told = next(f for f in report["findings"] if f["id"] == finding)
        assert told["evidence"] and told["consequence"] and told["action"], told


def test_passwords_never_stand_in_a_report(server):
    source = server("redis-7.0", password="Sup3r-secret-pass-word")
    source.client().execute_command("ACL", "SETUSER", "app", "on", ">another-secret-word", "~*", "+@all")
    hashes = [word for line in source.client().execute_command("ACL", "LIST") for word in line.decode().split() if word[0] == "#"]
    conf = source.directory / "server.conf"
    for form in ("--json", "--md"):
        done = tool.handover("audit", "--source", source.url, "--conf", conf, form, source=source)
        for secret in ["Sup3r-secret-pass-word", "another-secret-word", *[h[1:] for h in hashes]]:
            assert secret not in done.stdout + done.stderr


def test_exit_1_says_that_something_blocks(server):
    source = server("redis-7.0")
    source.client(db=3).set("a", 1)
    assert audit(source)[0] == tool.DONE
    code, report, _ = audit(source, "--target", "serverless")
    assert code == tool.FINDINGS
    assert "databases" in {f["id"] for f in report["findings"] if f["severity"] == "block"}


def test_a_source_that_is_not_there_ends_with_exit_3_and_a_mistyped_target_with_2(server):
    port = free_port()
    done = tool.handover("audit", "--source", f"redis://127.0.0.1:{port}")
    assert done.returncode == tool.SOURCE, done.stderr
    done = tool.handover("audit", "--source", f"redis://127.0.0.1:{port}", "--target", "valkey8.2.9")
    assert done.returncode == tool.USAGE and "valkey8.1" in done.stderr, done.stderr
    assert tool.handover("audit").returncode == tool.USAGE


def test_a_command_renamed_away_is_told_and_the_file_is_judged_instead(server):
    source = server("redis-7.0", options={"rename-command": "CONFIG \"\"", "hz": "50"})
    conf = source.directory / "server.conf"
    _, report, done = audit(source, "--conf", conf)
    assert report, done.stderr
    assert {"unread-settings:CONFIG GET", "command-renamed:CONFIG"} <= ids(report), sorted(ids(report))


def test_files_alone_are_enough(server, tmp_path):
    source = server("redis-7.0")
    fill(source, 100)
    (tmp_path / "info.txt").write_bytes(source.cli("INFO", "ALL"))
    done = tool.handover("audit", "--conf", source.directory / "server.conf", "--info", tmp_path / "info.txt", "--json")
    report = json.loads(done.stdout)
    assert {f["name"]: f["value"] for f in report["facts"]}["Engine"].startswith("redis 7.0"), done.stderr


def test_included_files_are_read_in_their_place_and_a_missing_one_is_told(tmp_path):
    (tmp_path / "redis.conf").write_text("hz 11\ninclude more/*.conf\ninclude gone.conf\ninclude redis.conf\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.conf").write_text("rename-command FLUSHALL \"\"\n")
    (tmp_path / "more" / "b.conf").write_text("# two lines\nrename-command KEYS \"\"\ndaemonize yes\n")
    done = tool.handover("audit", "--conf", tmp_path / "redis.conf", "--json")
    report = json.loads(done.stdout)
    assert {"command-renamed:FLUSHALL", "command-renamed:KEYS"} <= ids(report), done.stderr
    told = {f["id"]: f for f in report["findings"] if f["id"].startswith("unread-file")}
    assert any("gone.conf" in i for i in told) and all(f["action"] for f in told.values()), told
    where = {f["id"]: f["where"] for f in report["findings"]}
    assert where["command-renamed:KEYS"] == f"{tmp_path}/more/b.conf:2"
    assert where["setting-managed:daemonize"] == f"{tmp_path}/more/b.conf:3"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.conf")
    (tmp_path / "redis.conf").write_text("include pipe.conf\ninclude /dev/zero\ninclude .\naclfile pipe.conf\n")
    done = tool.handover("audit", "--conf", tmp_path / "redis.conf", "--json")
    report = json.loads(done.stdout)
    unread = [f for f in report["findings"] if f["id"].startswith(("unread-file", "unread-users"))]
    assert len(unread) == 4 and all("no regular file" in f["evidence"] for f in unread), unread


def test_secrets_of_files_are_in_no_form_of_the_report(tmp_path):
    """Every place of a file that may hold one; what is planted is found nowhere."""
    planted = [f"PlantedSecret{n}" for n in range(9)]
    conf = ["requirepass {}", "masterauth {}", "masteruser replicator", "tls-key-file-pass {}", "tls-client-key-file-pass {}",
            "user app on >{} ~* +@all", "user old on <{} ~* +@all", "rename-command CONFIG {}",
            "sentinel auth-pass mymaster {}", "primaryauth {}"]
    left = iter(planted)
    text = "\n".join(line.replace("{}", next(left)) if "{}" in line else line for line in conf)
    assert next(left, None) is None
    (tmp_path / "redis.conf").write_text(text + "\n")
    (tmp_path / "info.txt").write_text("redis_version:7.2.4\nuser web on #" + "5e" * 32 + " ~* &* +@all\n")
    for form in (["--full"], ["--md"], ["--json"], ["--html", tmp_path / "page.html"]):
        for info in ([], ["--info", tmp_path / "info.txt"]):
            done = tool.handover("audit", "--conf", tmp_path / "redis.conf", *info, *form)
            assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
            out = done.stdout + done.stderr
            if "--html" in form:
                out += (tmp_path / "page.html").read_text()
            assert not [secret for secret in [*planted, "5e5e5e5e"] if secret in out], form


def test_users_are_read_from_the_file_that_the_configuration_names(tmp_path):
    (tmp_path / "redis.conf").write_text("aclfile /etc/redis/users.acl\n")
    audit = lambda: json.loads(tool.handover("audit", "--conf", tmp_path / "redis.conf", "--json").stdout)
    assert "unread-users:aclfile /etc/redis/users.acl" in ids(audit())
    (tmp_path / "users.acl").write_text("user default off\nuser app on >in-clear-31 ~app:* +@all -debug\n")
    report = audit()
    assert "user-password" in ids(report) and not any(i.startswith("unread-users") for i in ids(report))
    assert "in-clear-31" not in json.dumps(report)


def test_a_watch_sees_clients_that_come_later(server):
    source = server("valkey-8.0")
    seen = threading.Event()

    def visit():
        wait_until(lambda: b"handover-audit" in source.cli("CLIENT", "LIST"), 10, "the audit")
        client = source.client(single_connection_client=True)
        client.execute_command("CLIENT", "SETINFO", "lib-name", "late-visitor")
        seen.wait(10)

    visitor = threading.Thread(target=visit, daemon=True)
    visitor.start()
    _, report, done = audit(source, "--watch", "3s")
    seen.set()
    visitor.join()
    assert report, done.stderr
    assert "late-visitor" in done.stdout


def test_an_interrupted_watch_still_reports(server):
    source = server("redis-7.0")
    process = subprocess.Popen([tool.BIN, "audit", "--source", source.url, "--watch", "600s", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=tool.environment(source))
    wait_until(lambda: source.info("commandstats").get("cmdstat_client|list", {"calls": 0})["calls"] >= 2, 20, "a look")
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert json.loads(out)["command"] == "audit", errors
    assert time.monotonic() - begun < 10
