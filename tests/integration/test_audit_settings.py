"""The audit's settings on real servers: nothing invented on a fresh one, nothing missed on a changed one."""

import json
import re
import warnings

import pytest

from servers import ENGINES, ROOT, version_of
from tool import DONE, FINDINGS, handover

# What tests/integration/servers.py sets for everybody, and a bare server does not have.
BARE = {"save": None, "daemonize": None, "repl-diskless-sync-delay": None, "enable-debug-command": None}
DATA = ROOT / "data"


def engine_table():
    """Name and 'stays' or 'moves' of every engine that tools/engines.sh knows."""
    text = (ROOT / "tools" / "engines.sh").read_text()
    rows = re.search(r"^table='\n(.*?)^'", text, re.S | re.M).group(1).splitlines()
    return {row.split()[0]: row.split()[-1] for row in rows}


INSTALLED = [name for name in engine_table() if (ENGINES / name / "version").exists()]


def table(name):
    lines = (DATA / f"{name}.tsv").read_text().splitlines()
    head = lines[0].split("\t")
    return [dict(zip(head, line.split("\t"))) for line in lines[1:]]


def audit(*arguments, **more):
    done = handover("audit", *arguments, "--json", "--sample-keys", 0, **more)
    assert done.returncode in (DONE, FINDINGS), done.stderr
    return json.loads(done.stdout)


def findings(report, rule):
    return {f["id"].split(":")[1]: f for f in report["findings"] if f["rule"] == rule and ":" in f["id"]}


def parts(report):
    section = next(s for s in report["sections"] if s["id"] == "settings")
    return {part["title"]: part for part in section["parts"] if part["title"]}


def changed(report):
    rows = parts(report).get("Changed on the source", {"rows": []})["rows"]
    return {row[0]: {"value": row[1], "fate": row[3], "weight": row[5]} for row in rows}


# --- a fresh server ---------------------------------------------------------------------------------


def test_engines_that_stay_in_the_archive_are_installed_and_those_that_moved_are_named():
    for name, how in engine_table().items():
        if name not in INSTALLED:
            assert how == "moves", f"'{name}' is missing; run: tools/engines.sh {name}"
            warnings.warn(f"{name} is not in the archive now: its settings were not tried")


# Older ones are compared with the oldest that the tables know, and the report says so.
@pytest.mark.parametrize("engine", [name for name in INSTALLED if version_of(name) >= (6, 0)])
def test_a_fresh_server_has_nothing_changed_and_nothing_unknown(server, engine):
    source = server(engine, options=BARE)
    report = audit("--source", source.url)
    assert changed(report) == {}
    assert findings(report, "setting-unknown") == {}
    said = {f["rule"] for f in report["findings"] if f["area"] == "Settings"}
    assert said == {"setting-default", "setting-fixed"}
    assert findings(report, "setting-fixed").keys() == {"maxclients"}
    with source.client() as c:
        answered = {name.decode() if isinstance(name, bytes) else name for name in c.config_get("*")}
    read = next(p["text"] for s in report["sections"] if s["id"] == "settings"
                for p in s["parts"] if p["kind"] == "paragraph")
    # CONFIG GET answers some directives under two names; none of it may have been passed over.
    assert int(re.match(r"0 of (\d+) directives", read).group(1)) >= len(answered) * 0.85


@pytest.mark.parametrize("engine", INSTALLED)
def test_the_defaults_that_elasticache_sets_otherwise_are_in_the_group(server, engine):
    report = audit("--source", server(engine, options=BARE).url, "--target", "valkey8.1")
    left = findings(report, "setting-default")
    assert {"maxmemory-policy", "maxmemory-samples"} <= left.keys()
    code = parts(report)["Parameter group, AWS CLI"]["text"]
    assert "'ParameterName=maxmemory-policy,ParameterValue=noeviction'" in code
    assert "maxmemory-policy: 'noeviction'" in parts(report)["Parameter group, CloudFormation"]["text"]
    assert "maxmemory-samples" not in code  # breaks nothing


# --- a hundred changes ------------------------------------------------------------------------------

# Values that a type does not tell. None: cannot be changed here (it would not start, or not stay reachable).
CHOSEN = {
    "acl-pubsub-default": "allchannels", "appendfsync": "always", "appendonly": "yes",
    "bind": None, "bind-source-addr": None, "client-output-buffer-limit": "pubsub 64mb 16mb 90",
    "cluster-enabled": "yes", "cluster-port": None, "cluster-preferred-endpoint-type": "hostname",
    "cluster-announce-bus-port": "17000", "cluster-announce-port": "7000", "cluster-announce-tls-port": "7001",
    "daemonize": None, "databases": "17", "dir": None, "enable-debug-command": "local", "enable-module-command": "local",
    "enable-protected-configs": "local", "include": None, "latency-tracking-info-percentiles": "50 90",
    "loadmodule": None, "logfile": None, "loglevel": "verbose", "maxmemory": "256mb", "maxmemory-clients": "5%",
    "maxmemory-policy": "allkeys-lfu", "notify-keyspace-events": "KEA", "oom-score-adj": "relative",
    "oom-score-adj-values": "0 100 200", "pidfile": None, "port": None, "propagation-error-behavior": "panic",
    "proto-max-bulk-len": "256mb", "rename-command": None, "repl-diskless-load": "swapdb", "replicaof": None,
    "sanitize-dump-payload": "clients", "save": "100 5", "shutdown-on-sigint": "nosave", "shutdown-on-sigterm": "nosave",
    "supervised": None, "syslog-facility": "local1", "tls-auth-clients": None, "tls-port": None, "unixsocket": "r.sock",
    "unixsocketperm": "700", "user": None, "watchdog-period": None, "key-load-delay": None, "rdb-key-save-delay": None,
    "client-default-resp": None, "req-res-logfile": None, "crash-memcheck-enabled": "no", "proc-title-template": '"{title} here"',
    "dbfilename": "other.rdb", "requirepass": "source-pw", "masterauth": "source-pw", "primaryauth": "source-pw",
    "masteruser": "replicator", "primaryuser": "replicator", "appendfilename": "other.aof", "appenddirname": "aof",
    "cluster-announce-hostname": "node.example", "cluster-announce-human-nodename": "first", "cluster-announce-ip": "127.0.0.1",
    "cluster-config-file": None, "replica-announce-ip": "127.0.0.1", "ignore-warnings": "ARM64-COW-BUG", "syslog-ident": "cache",
    "availability-zone": "a", "locale-collate": "C", "maxclients": "9000", "protected-mode": "no", "tcp-backlog": "128",
    "loading-process-events-interval-bytes": None, "disable-thp": "no", "latency-monitor-threshold": "100",
    "repl-diskless-sync-delay": "0", "active-defrag-cycle-max": "60", "socket-mark-id": None, "use-exit-on-panic": None,
    "activedefrag": None, "io-threads": "2", "hash-max-listpack-entries": "100", "min-replicas-to-write": None,
    "tls-replication": None, "tls-cluster": None, "dynamic-hz": "no", "lua-time-limit": "6000", "busy-reply-threshold": "6000",
}


def changed_value(row):
    """A value that differs from the default, as one writes it into a file; None: left alone."""
    name, default = row["directive"], row["default"]
    if name in CHOSEN:
        return CHOSEN[name]
    if row["type"] == "bool":
        return "no" if default == "yes" else "yes"
    if row["type"] == "int":
        return str(int(default) + 1)
    if row["type"] == "memory":
        return f"{int(default) // (1 << 20) + 1}mb" if int(default) >= 1 << 20 or default == "0" else str(int(default) + 1)
    return None


def directives_of(engine):
    product, version = engine.split("-")
    number = tuple(map(int, version.split(".")))

    def at(text):
        return tuple(map(int, text.split(".")))

    for row in table("engine-directives"):
        if row["engine"] == product and at(row["since"]) <= number and not (row["removed"] and at(row["removed"]) <= number):
            yield row


def generated(engine):
    """name -> value, of every directive of that engine that can be changed here."""
    found = {}
    for row in directives_of(engine):
        value = changed_value(row)
        if value is not None and row["mutable_at_runtime"] != "unknown" and row["default"] != "(ignored)":
            found[row["directive"]] = value
    return found


def test_the_generated_file_has_over_a_hundred_changes_of_every_type():
    types = {row["directive"]: row["type"] for row in directives_of("valkey-8.0")}
    made = generated("valkey-8.0")
    assert len(made) >= 100
    assert {types[name] for name in made} == {"bool", "enum", "int", "memory", "special", "string"}


def hold_changes(report, made):
    fates = {row["directive"]: row["fate"] for row in table("directive-fate")}
    rows = changed(report)
    made = {*made} - {"databases"}  # a cluster has one, or as many as its own setting says
    for name in made:
        names = [f"{name} pubsub"] if name == "client-output-buffer-limit" else [name]
        for one in names:
            assert one in rows, f"'{one}' was changed and not found"
            assert rows[one]["fate"] == fates[one], one
    started = {"port", "bind", "dir", "daemonize"}  # in the file, as every test server has them
    assert not [name for name in rows if name.removesuffix(" pubsub") not in made | started], "invented"
    said = {f["id"].split(":")[1] for f in report["findings"] if f["rule"].startswith("setting-") and ":" in f["id"]}
    for name, row in rows.items():
        assert (name.replace(" ", "-") in said) == (row["weight"] != "the same there"), name


@pytest.mark.parametrize("engine", ["redis-7.0", "valkey-8.0"])
def test_each_of_a_hundred_changed_directives_is_found_with_its_fate(server, engine):
    made = generated(engine)
    by_password = ("requirepass", "masterauth", "primaryauth")  # set by server(password=...)
    source = server(engine, password="source-pw", options={
        **BARE, **{name: value for name, value in made.items() if name not in by_password}})
    with source.client() as c:
        answered = {text.decode() if isinstance(text, bytes) else text for text in c.config_get("*")}
    live = audit("--source", source.url, source=source)
    hold_changes(live, made.keys() & answered)  # the engines hide some, and tell them only in the file
    conf = source.directory / "server.conf"
    both = audit("--source", source.url, "--conf", conf, source=source)
    hold_changes(both, made)
    assert findings(both, "setting-file") == {}, "running and file are the same, spelled differently"
    info = source.directory / "info.txt"
    info.write_bytes(source.cli("info", "all"))
    offline = audit("--conf", conf, "--info", info)
    assert changed(offline).keys() - {"port", "dir", "bind"} >= changed(live).keys()


@pytest.mark.parametrize("engine", [name for name in INSTALLED if version_of(name) >= (7, 0)])
def test_a_fresh_cluster_node_has_nothing_changed_but_that_it_is_one(server, engine):
    source = server(engine, options={**BARE, "cluster-enabled": "yes"})
    report = audit("--source", source.url)
    assert changed(report).keys() == {"cluster-enabled"}
    assert {"cluster-require-full-coverage", "cluster-preferred-endpoint-type"} <= findings(report, "setting-default").keys()
    assert "'ParameterName=cluster-enabled,ParameterValue=yes'" in parts(report)["Parameter group, AWS CLI"]["text"]


def test_the_running_value_that_differs_from_the_file_is_a_finding(server):
    source = server("valkey-8.0", options={"maxmemory": "100mb", "notify-keyspace-events": "Kx"})
    with source.client() as c:
        c.config_set("maxmemory", 200 << 20)
    report = audit("--source", source.url, "--conf", source.directory / "server.conf")
    found = findings(report, "setting-file")
    assert found.keys() == {"maxmemory"}
    assert found["maxmemory"]["evidence"] == "running 209715200, file 104857600"


def test_the_group_of_a_changed_source_takes_what_the_target_does_not_do_by_itself(server):
    source = server("valkey-8.0", options={
        "maxmemory-policy": "volatile-lru", "maxmemory-samples": "3", "timeout": "300", "slowlog-max-len": "512",
        "client-output-buffer-limit": "pubsub 64mb 8mb 60", "notify-keyspace-events": "Ex"})
    code = parts(audit("--source", source.url, "--target", "valkey8.1"))["Parameter group, CloudFormation"]["text"]
    group = dict(re.findall(r"^        (\S+): '(.*)'$", code, re.M))
    assert group == {
        "acl-pubsub-default": "resetchannels", "client-output-buffer-limit-pubsub-hard-limit": "67108864",
        "extended-redis-compatibility": "no", "latency-tracking": "yes", "notify-keyspace-events": "xE",
        "slowlog-max-len": "512", "timeout": "300"}


def test_a_sentinels_file_blocks_and_is_not_taken_for_the_servers(server, tmp_path):
    conf = tmp_path / "sentinel.conf"
    conf.write_text("port 26379\nsentinel monitor mymaster 10.0.0.1 6379 2\nsentinel auth-pass mymaster hunter2\n")
    report = audit("--source", server("valkey-8.0").url, "--conf", conf)
    found = [f for f in report["findings"] if f["id"] == "setting-sentinel"]
    assert found and found[0]["severity"] == "block"
    assert "hunter2" not in json.dumps(report)
    assert findings(report, "setting-file") == {}
