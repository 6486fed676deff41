"""What goes wrong around an audit, and what it must not take for granted."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest

import tool
from servers import free_port, wait_until

RULES = """
groups:
- name: redis
  rules:
  - {alert: TooMany, expr: "redis_connected_clients > %d", for: %s}
"""


def audit(*words, env=None, **more):
    return subprocess.run([tool.BIN, "audit", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=tool.environment(more=env), text=True, timeout=60 * tool.SLOW, **more)


def findings(done):
    return {f["id"]: f for f in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("closed, code", [("<&-", 0), (">&-", 6), ("2>&-", 0)])
def test_a_standard_descriptor_that_is_closed_is_no_socket(server, closed, code):
    source = server("redis-7.0")
    done = subprocess.run(["sh", "-c", f'exec "$0" audit --source {source.url} --sample-keys 0 {closed}', tool.BIN],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=tool.environment(), timeout=60 * tool.SLOW)
    assert done.returncode == code, done


@pytest.mark.parametrize("limit, wait, same", [(100, "5m", True), (5000, "5m", False), (100, "1m", False)])
def test_numbers_of_a_published_alarm_are_not_taken_for_those_of_the_rule(server, tmp_path, limit, wait, same):
    source = server("redis-7.0")
    (tmp_path / "rules.yml").write_text(RULES % (limit, wait))
    found = findings(audit("--source", source.url, "--sample-keys", 0, "--prometheus-rules", tmp_path / "rules.yml", "--json"))
    one = next(f for key, f in found.items() if key.startswith("monitoring-") and key.endswith(":TooMany"))
    told = json.dumps(one)
    assert "> 106" in told and ("put the threshold" not in told) == same, told


def test_what_is_built_into_redis_8_blocks_only_when_it_is_used(server):
    source = server("redis-8.6")
    arguments = ("--source", source.url, "--sample-keys", 0, "--json")
    assert "module:vectorset" not in findings(audit(*arguments))
    source.client().execute_command("VADD", "v", "VALUES", 2, 1, 2, "e")
    assert findings(audit(*arguments))["module:vectorset"]["severity"] == "block"


@pytest.mark.parametrize("given, unknown", [
    ("info", {"Data topology"}), ("conf", {"Data topology", "Abstraction"}),
    ("rdb", {"Operational model", "Application change"})])
def test_what_was_not_given_is_not_graded_low(server, tmp_path, given, unknown):
    source = server("valkey-8.0")
    with source.client() as c:
        c.set("a", 1)
        c.save()
    (tmp_path / "info").write_bytes(source.cli("INFO", "all"))
    (tmp_path / "conf").write_text("maxmemory 100mb\n")
    path = {"info": tmp_path / "info", "conf": tmp_path / "conf", "rdb": source.directory / "dump.rdb"}[given]
    report = json.loads(audit("--" + given, path, "--json").stdout)
    grades = {g["dimension"]: g["level"] for g in report["grades"]}
    assert all(grades[name] != "Low" for name in unknown), grades
    assert report["verdict"].startswith(("Go, as far as it could be read", "Go after")), report["verdict"]


def test_a_missing_right_is_named_as_the_server_names_it(server):
    source = server("redis-7.0")
    source.client().execute_command("ACL", "SETUSER", "reader", "on", ">pw", "+ping", "+info", "~*")
    done = audit("--source", source.url.replace("://", "://reader@"), "--sample-keys", 0, "--json", env={"HANDOVER_SOURCE_PASSWORD": "pw"})
    one = findings(done)["unread-settings:CONFIG GET"]
    assert "'config|get' command" in one["evidence"] and "\\x27" not in one["evidence"], one
    source.client().execute_command("ACL", "SETUSER", "reader", "-ping")
    done = audit("--source", source.url.replace("://", "://reader@"), env={"HANDOVER_SOURCE_PASSWORD": "pw"})
    assert "ACL SETUSER reader +ping" in done.stderr and "give the password" not in done.stderr, done.stderr


@pytest.mark.parametrize("text, says", [
    (None, "No such file"), ("- {id: a, reason: b, until: 2027-02-29}\n", "2027-02-29"),
    ("- {id: a, reason: b, until: 2027-04-31}\n", "2027-04-31"),
    ("- {id: a, reason: b, until: 2027-04-30}\n- {id: a, reason: c, until: 2028-04-30}\n", "stands in line 1 already")])
def test_a_file_of_accepted_findings_that_is_wrong_is_told_before_a_server_is_asked(tmp_path, text, says):
    path = tmp_path / "accepted.yml"
    if text:
        path.write_text(text)
    (tmp_path / "info").write_text("redis_version:7.0.15\n")
    done = audit("--info", tmp_path / "info", "--accepted", path)
    assert done.returncode == tool.USAGE and says in done.stderr, done.stderr
    if not text:
        nobody = f"redis://127.0.0.1:{free_port()}"
        assert audit("--source", nobody, "--accepted", path).returncode == tool.USAGE


def test_leap_days_are_days(tmp_path):
    (tmp_path / "accepted.yml").write_text("- {id: a, reason: b, until: 2028-02-29}\n")
    (tmp_path / "info").write_text("redis_version:7.0.15\n")
    assert audit("--info", tmp_path / "info", "--accepted", tmp_path / "accepted.yml").returncode in (0, 1)


def test_control_characters_of_a_server_do_not_reach_the_terminal():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"-ERR \x1b[31mred\xff\r\n")
        thread = threading.Thread(target=answer)
        thread.start()
        done = subprocess.run([tool.BIN, "audit", "--source", f"redis://127.0.0.1:{listener.getsockname()[1]}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=tool.environment(), timeout=60 * tool.SLOW)
        thread.join()
    assert done.returncode == tool.SOURCE and b"ERR ?[31mred?" in done.stderr and b"\x1b" not in done.stderr


def test_the_first_signal_ends_a_reading_of_files(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stalls = os.open(pipe, os.O_RDWR)
    process = subprocess.Popen([tool.BIN, "audit", "--rdb", pipe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=tool.environment())
    wait_until(lambda: any(os.path.realpath(f"/proc/{process.pid}/fd/{fd}") == str(pipe)
                           for fd in os.listdir(f"/proc/{process.pid}/fd")), 10, "the pipe being read")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    os.close(stalls)


def test_lists_of_absurd_length_have_an_end(tmp_path):
    lines = "".join(f"db{n}:keys=1,expires=0\r\n" for n in range(50_000))
    (tmp_path / "info").write_text("redis_version:7.0.15\r\n" + lines)
    done = audit("--info", tmp_path / "info", "--json")
    assert done.returncode in (0, 1) and "and more" in done.stdout and len(done.stdout) < 1_000_000


def test_watch_without_a_server_is_told(tmp_path):
    (tmp_path / "info").write_text("redis_version:7.0.15\n")
    done = audit("--info", tmp_path / "info", "--watch", "3s")
    assert done.returncode == tool.USAGE and "--watch follows a server" in done.stderr
