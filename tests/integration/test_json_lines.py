"""Logs for a collector: one JSON object a line on standard error, the error at the end among them."""

import json
import re

import tool
from fill import fill
from servers import free_port

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def lines_of(text):
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(TIME.fullmatch(line["time"]) for line in lines)
    assert {line["level"] for line in lines} <= {"info", "warning", "error"}
    return lines


def test_a_whole_move_says_everything_as_objects(pair):
    fill(pair.source, 2000)
    with tool.Migration(pair.source, pair.target, ["--log-format", "json", "--cutover", "auto", "--progress", "line"]) as move:
        done = tool.handover(*move.arguments(), source=pair.source, target=pair.target)
        assert done.returncode == tool.DONE, done.stderr
        lines = lines_of(done.stderr)
    assert all(set(line) == {"time", "level", "message"} for line in lines)
    assert any("in-sync" in line["message"] for line in lines)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_the_error_at_the_end_is_an_object_with_what_to_do(pair, tmp_path):
    port = free_port()
    done = tool.handover("verify", "--source", f"redis://127.0.0.1:{port}", "--target", f"redis://127.0.0.1:{pair.target.port}",
                         "--log-format", "json", target=pair.target)
    assert done.returncode == tool.SOURCE
    last = lines_of(done.stderr)[-1]
    assert last["level"] == "error" and last["message"] and last["do"]
    assert last["where"] == f"verify, source 'redis://127.0.0.1:{port}'"


def test_results_on_standard_output_stay_as_they_are(pair):
    fill(pair.source, 50)
    arguments = ["audit", "--source", f"redis://127.0.0.1:{pair.source.port}", "--json"]
    done = tool.handover(*arguments, "--log-format", "json", source=pair.source)
    assert json.loads(done.stdout)["schema"] == "handover-report-1"
    lines_of(done.stderr)
