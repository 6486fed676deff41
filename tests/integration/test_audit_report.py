"""What the handbook of the audit says, held against real servers: rights, schema, acceptance, rules."""

import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest
import redis

from browser import Browser
import tool

ROOT = pathlib.Path(__file__).resolve().parents[2]
HANDBOOK = (ROOT / "docs" / "audit.md").read_text()

RULES = """groups:
- name: redis
  rules:
  - alert: RedisDown
    expr: redis_up == 0
  - alert: SlotFail
    expr: redis_cluster_slots_fail > 0
  - alert: MemoryHigh
    expr: redis_memory_used_bytes > 6e9
"""


def audit(*words):
    return subprocess.run([tool.BIN, "audit", *map(str, words)], capture_output=True, text=True, timeout=60)


@pytest.fixture
def source(server):
    one = server("redis-7.0")
    client = redis.Redis(port=one.port, password=one.password)
    for i in range(200):
        client.set(f"session:{i}", "x" * i, ex=3600 if i % 2 else None)
    client.hset("profile:1", "name", "<script>")
    client.rpush("queue:1", *range(50))
    yield one
    client.close()


def test_the_rights_of_the_handbook_are_enough(source, tmp_path):
    rights = re.search(r"ACL SETUSER audit (.*?)\n\n", HANDBOOK, re.S).group(1).replace("\\\n", " ")
    client = redis.Redis(port=source.port)
    client.execute_command("ACL", "SETUSER", "audit", *rights.replace("PASSWORD", "audit-pw").split())
    password = tmp_path / "password"
    password.write_text("audit-pw")
    password.chmod(0o600)
    done = audit("--source", f"redis://audit@127.0.0.1:{source.port}", "--source-password-file", password, "--json")
    assert done.returncode in (0, 1), done.stderr
    assert client.execute_command("ACL", "LOG") == []
    assert [f["id"] for f in json.loads(done.stdout)["findings"] if f["rule"].startswith("unread")] == []
    client.close()


def test_a_real_audit_is_as_the_schema_says(source, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    done = audit("--source", source.url, "--prometheus-rules", tmp_path / "rules.yml", "--json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, json.loads((ROOT / "docs" / "schema" / "report.schema.json").read_text()))
    assert done.returncode == (1 if report["counts"]["block"] else 0)
    ids = [f["id"] for f in report["findings"]]
    assert {"monitoring-breaks:RedisDown", "monitoring-blind:SlotFail", "monitoring-counterpart:MemoryHigh"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert len(report["grades"]) == 6 and report["kind"] and report["verdict"]
    page = (ROOT / "docs" / "findings.md").read_text()
    assert [f["rule"] for f in report["findings"] if f"| `{f['rule']}` |" not in page] == []


def test_the_four_forms_name_the_same_findings(source, tmp_path):
    ids = [f["id"] for f in json.loads(audit("--source", source.url, "--json").stdout)["findings"]]
    text = audit("--source", source.url, "--html", tmp_path / "audit.html").stdout
    markdown = audit("--source", source.url, "--md").stdout
    page = (tmp_path / "audit.html").read_text()
    assert [i for i in ids if i not in text] == []
    assert [i for i in ids if f"`{i}`" not in markdown] == []
    assert [i for i in ids if f"<code>{i}</code>" not in page] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_of_a_real_audit_fits_and_loads_nothing(source, tmp_path, width):
    path = tmp_path / "audit.html"
    audit("--source", source.url, "--html", path)
    with Browser() as browser:
        browser.look(width)
        browser.open(path)
        assert browser.requests == [f"file://{path}"]
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        if os.environ.get("SHOTS"):
            (pathlib.Path(os.environ["SHOTS"]) / f"audit-{width}.png").write_bytes(browser.screenshot())


def test_an_accepted_finding_counts_no_more_but_stays(source, tmp_path):
    before = json.loads(audit("--source", source.url, "--json").stdout)
    one = before["findings"][0]
    (tmp_path / "accepted.yml").write_text(f"- id: '{one['id']}'\n  reason: decided\n  until: 2999-12-31\n- id: no-such\n  reason: r\n"
                                           "  until: 2999-12-31\n")
    after = json.loads(audit("--source", source.url, "--accepted", tmp_path / "accepted.yml", "--json").stdout)
    open_ones = [f for f in after["findings"] if f["severity"] == one["severity"] and not f["accepted"]]
    assert after["counts"][one["severity"]] == len(open_ones) and after["counts"]["accepted"] == 1
    same = next(f for f in after["findings"] if f["id"] == one["id"])
    assert same["accepted"] == {"reason": "decided", "until": "2999-12-31"}
    assert "accepted-unused:no-such" in [f["id"] for f in after["findings"]]


def test_a_file_of_accepted_findings_that_cannot_be_read_is_usage(source, tmp_path):
    (tmp_path / "accepted.yml").write_text("- id: a\n  because: b\n")
    done = audit("--source", source.url, "--accepted", tmp_path / "accepted.yml")
    assert done.returncode == 2
    assert "line 2: there is no field 'because'" in done.stderr
    assert done.stdout == ""
