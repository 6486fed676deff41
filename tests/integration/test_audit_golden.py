"""Whole reports over saved installations, held line by line.

Each folder of tests/golden/audit is one: redis.conf, mostly info.txt (saved INFO ALL, CLIENT LIST,
ACL LIST), and the reviewed report.txt and report.json. ACCEPT=1 writes them anew; then review the diff.
"""

import json
import os
import re

import pytest

import tool
from servers import ROOT

GOLDEN = ROOT / "tests" / "golden" / "audit"


def audited(name, *more):
    folder = GOLDEN / name
    words = ["audit", "--conf", "redis.conf", *more]
    if (folder / "info.txt").exists():
        words += ["--info", "info.txt"]
    here = os.getcwd()
    os.chdir(folder)  # the report names the files as they were given
    try:
        ran = tool.handover(*words)
    finally:
        os.chdir(here)
    assert ran.returncode in (tool.DONE, tool.FINDINGS), ran.stderr
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<now>", ran.stdout), ran.returncode


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.iterdir()))
@pytest.mark.parametrize("form", ["txt", "json"])
def test_the_report_is_the_reviewed_one(name, form):
    text, code = audited(name, *(["--json"] if form == "json" else []))
    kept = GOLDEN / name / f"report.{form}"
    if os.environ.get("ACCEPT") == "1":
        kept.write_text(text)
    assert text == kept.read_text(), "refresh with ACCEPT=1, and review the difference"
    if form == "json":
        assert (code == tool.FINDINGS) == any(f["severity"] == "block" for f in json.loads(text)["findings"])
