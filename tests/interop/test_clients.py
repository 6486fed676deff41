"""Clients of other people are recognised as data/clients.tsv says, on an engine that asks for a
library's name (7.2 and later) and on one that does not.

Each is installed by tests/interop/install.sh into .cache/interop; a kind that is not there is not
collected, and `make interop` says which kinds were.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import tool  # noqa: E402
from servers import ROOT, Server, die_with_parent, end_group  # noqa: E402

STORE = ROOT / ".cache" / "interop"
CLIENTS = HERE / "clients"
UNKNOWN = "client-unknown"
READY_S = 60


def java(library):
    return ["java", "-cp", f"{STORE}/maven/jars/*", CLIENTS / "Client.java", library]


def node(library):
    return ["node", CLIENTS / "client.mjs", library]


def pypi(library):
    return ["/usr/bin/python3", CLIENTS / "client.py", library]


# Kind, its command, the finding on valkey 8.0, the finding on redis 7.0.
CASES = {
    "node-redis": ("node", node("node-redis"), "client-failover:node-redis-6.0.0", UNKNOWN),
    "ioredis": ("node", node("ioredis"), "client-failover:ioredis-6.0.0", UNKNOWN),
    "iovalkey": ("node", node("iovalkey"), UNKNOWN, UNKNOWN),
    "valkey-glide": ("node", node("valkey-glide"), "client-failover:valkey-glide-1.0", UNKNOWN),
    "bullmq": ("node", node("bullmq"), "client-failover:bullmq-1", "client-failover:bullmq-1"),
    "python3-redis": ("debian", ["/usr/bin/python3", CLIENTS / "client.py", "redis"], UNKNOWN, UNKNOWN),
    "php-redis": ("debian", ["php", CLIENTS / "client.php"], UNKNOWN, UNKNOWN),
    "ruby-redis": ("debian", ["ruby", CLIENTS / "client.rb"], UNKNOWN, UNKNOWN),
    "hiredis": ("debian", [STORE / "debian" / "hiredis"], UNKNOWN, UNKNOWN),
    "redis-py": ("python", pypi("redis"), "client-failover:redis-py-8.0.0", UNKNOWN),
    "valkey-py": ("python", pypi("valkey"), "client-failover:valkey-py-6.0.0", UNKNOWN),
    "celery": ("python", pypi("celery"), "client-failover:celery-kombu-broker", "client-failover:celery-kombu-broker"),
    "jedis": ("maven", java("jedis"), "client-failover:jedis-4.4.0", UNKNOWN),
    "lettuce": ("maven", java("lettuce"), "client-failover:lettuce-6.3.0", UNKNOWN),
    "redisson": ("maven", java("redisson"), UNKNOWN, UNKNOWN),
    "go-redis": ("go", [STORE / "go" / "client", "go-redis"], "client-failover:go-redis-9.22.0", UNKNOWN),
    "rueidis": ("go", [STORE / "go" / "client", "rueidis"], "client-failover:rueidis-1.0.14", UNKNOWN),
}
BUILT_ON = {"bullmq": "ioredis", "celery": "redis-py"}  # some of its connections look like that
INSTALLED = [name for name, case in CASES.items() if (STORE / case[0]).is_dir()]


@pytest.fixture(scope="module")
def servers():
    with Server("valkey-8.0") as new, Server("redis-7.0") as old:
        yield {"valkey-8.0": new, "redis-7.0": old}


@contextlib.contextmanager
def connected(name, server):
    kind, command = CASES[name][:2]
    env = dict(os.environ, INTEROP_STORE=str(STORE))
    if kind == "python":
        env["PYTHONPATH"] = str(STORE / "python")
    with server.client() as c:
        c.flushall()
        c.client_kill_filter(_type="normal", skipme=True)  # what earlier tests left connected
        c.connection_pool.disconnect()
    process = subprocess.Popen([*map(str, command), str(server.port)], env=env, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                               preexec_fn=die_with_parent)
    try:
        line = process.stdout.readline()
        while line and line.strip() != "ready":  # a worker may greet first
            line = process.stdout.readline()
        assert line, f"{name} did not connect: {process.stderr.read()[-2000:]}"
        yield
    finally:
        end_group(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def audit(server):
    ran = tool.handover("audit", "--source", server.url, "--json")
    assert ran.returncode in (tool.DONE, tool.FINDINGS), ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("engine", ["valkey-8.0", "redis-7.0"])
@pytest.mark.parametrize("name", INSTALLED)
def test_a_client_is_recognised_as_the_table_says(name, engine, servers):
    wanted = CASES[name][2 if engine == "valkey-8.0" else 3]
    with connected(name, servers[engine]):
        report = audit(servers[engine])
    found = {f["id"]: f for f in report["findings"] if f["id"].startswith(("client-failover:", "client-un"))}
    assert wanted in found, f"wanted {wanted}, found {[(i, f['title']) for i, f in found.items()]}"
    of_it = ("client-failover:" + BUILT_ON.get(name, "-"), "client-failover:celery" if name == "celery" else "-")
    others = [i for i in found if i.startswith("client-failover:") and i != wanted and not i.startswith(of_it)]
    assert not others, f"only {wanted} is connected, and these were found too: {others}"
    if wanted != UNKNOWN:
        sections = {s["id"]: s for s in report["sections"]}
        assert "PRIMARY_ENDPOINT" in json.dumps(sections["clients-set"])
