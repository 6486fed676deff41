"""Metrics of a running move over HTTP: true, conventional, and no way in."""

import http.client
import json
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

import tool
from fill import fill
from servers import ROOT, free_port

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")


@pytest.fixture(scope="module")
def promtool():
    done = subprocess.run([ROOT / "tools" / "promtool.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def served(pair):
    """A move in sync that serves its metrics: (migration, port)."""
    fill(pair.source, 2000)
    port = free_port()
    with tool.Migration(pair.source, pair.target, ["--metrics", f"127.0.0.1:{port}"]) as move:
        move.start()
        move.wait_phase("in-sync")
        yield move, port


def fetch(port, path="/metrics", **more):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", **more), timeout=10) as answer:
        return answer.read().decode(), answer.headers


def samples(text):
    """{(name, labels): number}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, labels or ""] = float(value)
    return found


def test_promtool_finds_nothing_to_say(served, promtool):
    _, port = served
    text, headers = fetch(port)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run([promtool, "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_they_say_what_the_status_says(served):
    move, port = served
    status = move.status()
    found = samples(fetch(port)[0])
    assert found["handover_snapshot_keys", ""] == status["snapshot"]["keys"] >= 2000
    assert found["handover_spool_limit_bytes", ""] == status["spool"]["bytes_max"]
    assert found["handover_quarantine_keys", ""] == 0
    phases = {labels: value for (name, labels), value in found.items() if name == "handover_phase"}
    assert phases.pop('phase="in-sync"') == 1 and set(phases.values()) == {0}
    assert ("handover_cutover_hold_seconds", "") not in found, "what is not known yet is left out"
    assert found["process_resident_memory_bytes", ""] > 1e6 and found["process_cpu_seconds_total", ""] > 0


def test_every_metric_is_described_and_the_dashboard_asks_for_no_other(served):
    move, port = served
    move.command("pause")
    move.wait_status(lambda s: s["activity"] == "held", "the pause")
    text, _ = fetch(port)
    served_names = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    described = set(re.findall(r"^\| `((?:handover|process)_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.M))
    absent = {"handover_snapshot_size_bytes", "handover_cutover_hold_seconds", "handover_verification_keys",
              "handover_verification_differences", "handover_target_memory_ratio", "handover_target_latency_seconds", "handover_eta_seconds"}
    assert served_names - described == set()
    assert described - served_names - absent == set()
    assert samples(text)["handover_held_back", ""] == 1
    board = json.loads((ROOT / "packaging" / "grafana" / "handover.json").read_text())
    asked = {name for panel in board["panels"] for t in panel.get("targets", []) for name in re.findall(r"(?:handover|process)_\w+", t["expr"])}
    assert asked and asked <= described
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("path, code", [("/metrics/", 404), ("/status", 404), ("//", 404), ("/../etc/passwd", 404)])
def test_nothing_else_is_there(served, path, code):
    _, port = served
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(port, path)
    assert refused.value.code == code
    assert "/metrics" in fetch(port, "/")[0]


def test_only_reading_is_allowed(served):
    _, port = served
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(port, data=b"x" * 1_000_000, method="POST")
    assert refused.value.code == 405 and refused.value.headers["Allow"] == "GET, HEAD"
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("HEAD", "/metrics")
    assert link.getresponse().status == 200
    link.close()


def test_silent_and_broken_askers_hold_nobody_up(served):
    move, port = served
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    silent[0].sendall(b"GET /metr")
    silent[1].sendall(b"\x00\xff\x16\x03\x01\r\n\r\n")
    silent[2].sendall(b"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n")
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(fetch(port)[0])) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(answers) == 6
    for one in silent:
        one.close()
    assert move.running() and move.command("cutover", "--skip-verify").returncode == tool.DONE


def test_the_passwords_are_not_in_them(served):
    move, port = served
    text, _ = fetch(port)
    assert move.source.password not in text and move.target.password not in text


@pytest.mark.parametrize("address, says", [
    ("127.0.0.1", "no port"), (":9400", "no host"), ("127.0.0.1:0", "not a number from 1 to 65535"), ("[::1:9400", "no ']'"),
    ("no.such.name.invalid:9400", "no.such.name.invalid"), ("192.0.2.1:9400", "Cannot assign requested address")])
def test_a_wrong_address_is_told_before_anything_is_done(pair, address, says):
    with tool.Migration(pair.source, pair.target, ["--metrics", address]) as move:
        done = tool.handover(*move.arguments(), source=pair.source, target=pair.target)
        assert done.returncode in (tool.USAGE, tool.INTERRUPTED) and says in done.stderr and "--metrics" in done.stderr
        assert not move.workdir.exists()


def test_a_port_in_use_is_told(pair):
    with socket.create_server(("127.0.0.1", 0)) as taken, \
            tool.Migration(pair.source, pair.target, ["--metrics", f"127.0.0.1:{taken.getsockname()[1]}"]) as move:
        done = tool.handover(*move.arguments(), source=pair.source, target=pair.target)
        assert done.returncode == tool.INTERRUPTED and "Address already in use" in done.stderr
