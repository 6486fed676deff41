"""Whole reports over saved installations, held line by line.

Each folder of tests/golden/audit is one: redis.conf, mostly info.txt (saved INFO ALL, CLIENT LIST,
ACL LIST), and the report.txt that belongs to them. ACCEPT=1 writes it anew; then review the diff.
The audit believes it is the same day every time, because ages and dates of support are part of it.
"""

import json
import os
import re
import subprocess
import time

import pytest

from faults import Clock
from servers import ROOT
import tool

GOLDEN = ROOT / "tests" / "golden" / "audit"
WHOLE = "small-cache"  # of this one also what is only there to look things up in
DAY = 1_795_694_400  # 2026-11-26 12:00 UTC


@pytest.fixture(scope="module")
def clock():
    with Clock(DAY - time.time()) as one:
        yield one


def audited(name, clock, *more):
    folder = GOLDEN / name
    words = ["audit", "--conf", "redis.conf", *more]  # the report names the files as they are given
    if (folder / "info.txt").exists():
        words += ["--info", "info.txt"]
    ran = subprocess.run([tool.BIN, *words], cwd=folder, env=tool.environment(more=clock.environment), text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert ran.returncode in (tool.DONE, tool.FINDINGS), ran.stderr
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<now>", ran.stdout), ran.returncode


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.iterdir()))
def test_the_report_is_the_kept_one(name, clock):
    text, code = audited(name, clock)
    if name == WHOLE:
        text = audited(name, clock, "--full")[0]
    kept = GOLDEN / name / "report.txt"
    if os.environ.get("ACCEPT") == "1":
        kept.write_text(text)
    assert text == kept.read_text(), "refresh with ACCEPT=1, and review the difference"
    findings = json.loads(audited(name, clock, "--json")[0])["findings"]
    assert (code == tool.FINDINGS) == any(f["severity"] == "block" for f in findings)


@pytest.mark.parametrize("page", ["README.md", "README.zh-TW.md"])
def test_what_the_readme_shows_is_the_kept_report(page):
    text = (ROOT / page).read_text()
    shown = text[text.index("```text\nhandover audit:"):].split("```")[1].splitlines()[1:]
    kept = iter((GOLDEN / "bullmq" / "report.txt").read_text().splitlines())
    missing = [line for line in shown if line.strip() not in ("", "[...]") and line not in kept]
    assert shown and not missing, missing  # the lines in their order: `in` reads the iterator on
