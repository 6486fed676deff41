"""Measures what client libraries do at a failover, and writes docs/clients-at-failover.md.

    make drill-table                                # all styles, both settings: about ten minutes, root
    tests/interop/drill/table.py --style reset      # this one again, the others as they were measured last
    tests/interop/drill/table.py --render           # nothing measured: the page from build/drill/*.json

Each run is one `handover drill failover` against a sandbox in the service's own time, with every library that
tests/interop/install.sh installed writing at once. They have the cache's name, as in production: so this program gives
itself a mount namespace whose resolver is the sandbox's.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import redis

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

from sandboxes import FAST, Sandbox  # noqa: E402
from servers import ROOT, die_with_parent, wait_until  # noqa: E402
from tool import BIN, environment  # noqa: E402

STORE = ROOT / ".cache" / "interop"
STYLES = {
    "reset": "The old primary's process ends: connections are reset, new ones refused. 8 seconds later the replica is "
             "promoted, 5 seconds after that the name leads to it.",
    "silent": "The old primary freezes: nothing is reset, nothing answered. Promotion and name as above.",
    "readonly": "The old primary goes on for 8 seconds, is then demoted in place and answers `READONLY`; the cache closes "
                "clients that write to it (`close-on-replica-write`). 5 seconds later the name leads to the new primary.",
    "dns": "Only the name moves: the old primary goes on taking writes from those who are connected to it, and all of "
           "them are lost.",
}
DURATION_S = 60


def jar(name):
    file, = (STORE / "maven" / "jars").glob(f"{name}-[0-9]*.jar")
    return file.stem[len(name) + 1:].removesuffix(".RELEASE")


def node(library):
    return f"node {HERE}/drill.mjs {library} {{settings}}"


def python(library, path=""):
    return f"PYTHONPATH={path} /usr/bin/python3 {HERE}/drill.py {library} {{settings}}"


def java(library, archive):
    return (f"java -Xmx128m -cp '{STORE}/drill/classes:{STORE}/maven/jars/*' Drill {library} {{settings}} "
            + (jar(archive) if (STORE / "maven").is_dir() else ""))


# Library: language, the folder it needs, its command, what "recommended" means here.
CLIENTS = {
    "ioredis": ("Node.js", "node", node("ioredis"), "connectTimeout, commandTimeout 1 s, socketTimeout 2 s, keepAlive, "
                "maxRetriesPerRequest 3, retryStrategy up to 1 s, reconnectOnError: 2 for READONLY and UNBLOCKED"),
    "iovalkey": ("Node.js", "node", node("iovalkey"), "as ioredis"),
    "node-redis": ("Node.js", "node", node("node-redis"), "connectTimeout, command timeout 1 s, socketTimeout 2 s, pingInterval "
                   "1 s, a reconnectStrategy that always answers a delay; destroy() and connect() on READONLY"),
    "valkey-glide": ("Node.js", "node", node("valkey-glide"), "requestTimeout 1 s, connectionBackoff"),
    "redis-py": ("Python", "python", python("redis-py", STORE / "python"), "socket_timeout, socket_connect_timeout 1 s, Retry with "
                 "ExponentialBackoff, 3 times, health_check_interval; connection_pool.disconnect() on ReadOnlyError"),
    "python3-redis": ("Python", "debian", python("python3-redis"), "as redis-py; Debian's package"),
    "valkey-py": ("Python", "python", python("valkey-py", STORE / "python"), "as redis-py"),
    "jedis": ("Java", "maven", java("jedis", "jedis"), "networkaddress.cache.ttl=5, timeouts 1 s, testOnBorrow; getPool().clear() on "
              "READONLY"),
    "lettuce": ("Java", "maven", java("lettuce", "lettuce-core"), "networkaddress.cache.ttl=5, connect and command timeout 1 s, keepAlive; "
                "a new connection on READONLY and after a timeout"),
    "redisson": ("Java", "maven", java("redisson", "redisson"), "networkaddress.cache.ttl=5, timeouts 1 s, 5 attempts 1 s apart"),
    "go-redis": ("Go", "go", f"{STORE}/drill/go go-redis {{settings}}", "timeouts 1 s, MaxRetries 10 up to 2 s apart, ConnMaxLifetime 10 s"),
    "rueidis": ("Go", "go", f"{STORE}/drill/go rueidis {{settings}}", "Dialer timeout and keep-alive, ConnWriteTimeout 1 s, ConnLifetime 10 s; "
                "a new client on READONLY"),
    "phpredis": ("PHP", "debian", f"php {HERE}/drill.php {{settings}}", "timeouts 1 s, OPT_MAX_RETRIES 3 with decorrelated jitter; close and "
                 "connect on READONLY and on an exception"),
    "redis-rb": ("Ruby", "debian", f"ruby {HERE}/drill.rb {{settings}}", "timeout 1 s, reconnect_attempts 5 from 0.2 to 2 s; close on READONLY"),
    "hiredis": ("C", "debian", f"{STORE}/drill/hiredis {{settings}}", "time limits of 1 s; connect anew after any failure, on READONLY and every "
                "10 s. By default nobody connects again: the library leaves that to the application"),
}
SETTINGS = ("default", "recommended")


def installed():
    return [name for name, row in CLIENTS.items() if (STORE / row[1]).is_dir()]


def own_resolver():
    """This program again, in a mount namespace whose resolver is the sandbox's."""
    if os.environ.get("HANDOVER_TABLE_NAMESPACE") != "1":
        os.environ["HANDOVER_TABLE_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    with tempfile.NamedTemporaryFile("w", delete=False) as conf:
        conf.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    subprocess.run(["mount", "--bind", conf.name, "/etc/resolv.conf"], check=True)
    os.unlink(conf.name)


def replicates(sandbox):
    with contextlib.suppress(redis.exceptions.RedisError):
        return sandbox.redis("cart").info("replication")["connected_slaves"]


def commands_of(settings):
    return {name: "exec env " + CLIENTS[name][2].format(settings=settings) for name in installed()}


def measure(style, settings):
    """The drill's own report."""
    with Sandbox(options=("--failover-style", style, "--dns-port", "53"), compress=FAST) as sandbox:
        sandbox.create("cart")
        sandbox.stop()
        sandbox.compress = "1"  # from here on as slow as the service
        sandbox.start()
        wait_until(lambda: replicates(sandbox), 20, sandbox.log)
        status = sandbox.status()
        env = environment(more={
            "AWS_ENDPOINT_URL": status["endpoint"], "AWS_REGION": status["region"], "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": status["credentials"]["access_key_id"], "INTEROP_STORE": str(STORE),
            "AWS_SECRET_ACCESS_KEY": status["credentials"]["secret_access_key"]})
        commands = commands_of(settings).values()
        print(f"drill: {style}, {settings}: {len(commands)} libraries", flush=True)
        ran = subprocess.run([BIN, "drill", "failover", "--target", "elasticache://cart", "--json", "--duration", f"{DURATION_S}s",
                              *(word for command in commands for word in ("--clients", "exec:" + command))],
                             env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        if ran.returncode not in (0, 1):
            raise SystemExit(f"the drill ended with {ran.returncode}")
    return json.loads(ran.stdout)


def libraries(report, settings):
    """{library: its client in the report}"""
    by_command = {client["command"]: client for client in report["clients"]}
    return {name: by_command[command] for name, command in commands_of(settings).items() if command in by_command}


def cells(client):
    follows = "yes" if client["followed"] else "ended" if client["ended"] else "**no**"
    met = ", ".join(f"{name} {one['count']}" for name, one in client["failures"].items()) or "none"
    return [follows, f"{client['stalled_ms'] / 1000:.1f}", str(client["lost"]), met]


def row(words):
    return "| " + " | ".join(words) + " |"


def in_short(clients):
    """One sentence of who did not follow, and who was slowest of those who did."""
    behind = [name for name, client in clients.items() if not client["followed"]]
    ranked = sorted((client["stalled_ms"], name) for name, client in clients.items() if client["followed"])
    said = f"{len(ranked)} of {len(clients)} follow"
    if any(client["lost"] for client in clients.values()):
        said += f"; lost writes: up to {max(client['lost'] for client in clients.values())}"
    elif ranked:
        middle = ranked[len(ranked) // 2][0]
        said += f", half of them within {middle / 1000:.1f} s, the last ({ranked[-1][1]}) after {ranked[-1][0] / 1000:.1f} s"
    return said + (f". Not: {', '.join(behind)}" if behind else "")


def page(results):
    today = datetime.date.today().isoformat()
    measured = {style: {one: libraries(report, one) for one, report in both.items()} for style, both in results.items()}
    some = next(iter(measured.values()))["default"]
    lines = [
        "# Clients at a failover, measured", "",
        f"Made by `make drill-table` on {today}: `handover drill failover` ([drill.md](drill.md)) against a sandbox of valkey 8.0 in",
        "the service's own time, on two cores, every library at once, one write about every 30 ms. The libraries have the cache's",
        f"*name*, with a TTL of 5 s, and write for {DURATION_S} s after the failover began, or until all have been back for two seconds.", "",
        "- **follows**: the last writes are on the new primary. **no**: not within that time.",
        "- **s**: the longest time without an acknowledged write, in seconds. **lost**: acknowledged, and not on the new primary.",
        "- **failures**: what the application was told, by kind, with their number. `none` beside a long time means: it waited.", "",
        "The durations of the sandbox are ours, not the service's: compare the rows, do not take the seconds for promises. The canary",
        "is the best that can be had: one second for an answer, a new connection after any failure. Who looks a name up and when,",
        "and which settings a version has by default, changes: the versions are below.", "",
        "## In short", "",
        row(["what happens", "by default", "with the settings below"]), "| --- | --- | --- |"]
    lines += [row([f"[{style}](#{style})", *(in_short(both[one]) for one in SETTINGS)]) for style, both in measured.items()]
    lines += ["", "## Libraries and settings", "",
              row(["library", "version", "language", "recommended settings, as measured here"]), "| --- | --- | --- | --- |"]
    lines += [row([name, client["version"] or "-", CLIENTS[name][0], CLIENTS[name][3]]) for name, client in some.items()]
    missing = [name for name in CLIENTS if name not in some]
    if missing:
        lines += ["", f"Not installed here, and so not measured: {', '.join(missing)}."]
    for style, both in measured.items():
        lines += ["", f"## {style}", "", STYLES[style], "",
                  row(["library", "default", "s", "lost", "failures", "recommended", "s", "lost", "failures"]),
                  "| --- | --- | ---: | ---: | --- | --- | ---: | ---: | --- |"]
        ours = [next(c for c in results[style][one]["clients"] if c["name"] == "one by one") for one in SETTINGS]
        lines.append(row(["(the canary, one by one)", *cells(ours[0]), *cells(ours[1])]))
        lines += [row([name, *cells(both["default"][name]), *cells(both["recommended"][name])]) for name in both["default"]]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--style", action="append", choices=STYLES)
    parser.add_argument("--render", action="store_true")
    options = parser.parse_args()
    kept = ROOT / "build" / "drill"
    kept.mkdir(parents=True, exist_ok=True)
    if not options.render:
        own_resolver()
        for style in options.style or STYLES:
            for settings in SETTINGS:
                (kept / f"{style}-{settings}.json").write_text(json.dumps(measure(style, settings), indent=1))
    results = {style: {one: json.loads((kept / f"{style}-{one}.json").read_text()) for one in SETTINGS} for style in STYLES}
    out = ROOT / "docs" / "clients-at-failover.md"
    out.write_text(page(results))
    print(f"drill: {out}")


if __name__ == "__main__":
    main()
