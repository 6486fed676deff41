"""Fixtures: real servers, ended with the test."""

import os
import pathlib
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from servers import Server  # noqa: E402
import tool  # noqa: E402

SOURCE_ENGINE = "redis-7.0"
TARGET_ENGINE = "valkey-8.0"


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: long; `make soak` takes it along (HANDOVER_SOAK=1)")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("HANDOVER_SOAK") != "1":
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture
def server():
    """server(engine, password=..., options=...) starts one; all end with the test."""
    started = []

    def start(engine=SOURCE_ENGINE, **more):
        one = Server(engine, **more)
        started.append(one)
        return one.start()

    yield start
    for one in reversed(started):
        one.close()


@pytest.fixture
def pair(server):
    """A redis 7.0 source and a valkey 8.0 target, each with its own password."""
    return types.SimpleNamespace(source=server(SOURCE_ENGINE, password="source-pw", options={"repl-backlog-size": "512mb"}),
                                 target=server(TARGET_ENGINE, password="target-pw"))


@pytest.fixture
def migration(pair):
    """A move of the pair, not begun; ended and removed with the test."""
    with tool.Migration(pair.source, pair.target) as one:
        yield one


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test says how to run it alone."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections.append(("run it alone", f"/usr/bin/python3 -m pytest '{item.nodeid}'"))
