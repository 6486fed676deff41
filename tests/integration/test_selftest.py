"""`handover selftest`: what it sends does nothing, whatever is allowed; and what it says is so."""

import json

import pytest
import redis

import tool
from sandboxes import Sandbox

ENGINES = ["redis-6.0", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.0", "valkey-8.1", "valkey-9.1"]
# What a command of those that it sends would move if it ran.
FIELDS = ("run_id", "role", "master_replid", "connected_slaves", "rdb_last_save_time", "rdb_saves", "rdb_bgsave_in_progress", "aof_enabled",
          "aof_rewrite_in_progress", "aof_last_rewrite_time_sec", "cluster_enabled", "number_of_libraries")


def selftest(target, *more, env=None):
    return tool.handover("selftest", "--target", target, *more, env=env)


def told(done):
    report = json.loads(done.stdout)
    return report, {f["id"]: f for f in report["findings"]}


def standing(c):
    """All that must be as before: settings, users, functions, data, and what the server has done."""
    info = c.info("all")
    seen = {field: info.get(field) for field in FIELDS}
    seen["config"] = c.config_get("*")
    seen["users"] = c.execute_command("ACL", "LIST")
    seen["keys"] = {key: c.dump(key) for key in c.keys("*")}
    try:
        seen["functions"] = c.execute_command("FUNCTION", "LIST")
    except redis.ResponseError:
        pass
    return seen


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_that_it_sends_is_done_by_an_engine_that_blocks_nothing(server, engine):
    one = server(engine)
    c, other = one.client(), one.client()
    c.mset({"a": 1, "handover-selftest": 2})
    script = c.script_load("return 1")
    if engine != "redis-6.0":
        c.execute_command("FUNCTION", "LOAD", "#!lua name=f\nredis.register_function('f', function() return 1 end)")
    mine = other.client_id()
    before = standing(c)
    done = selftest(one.url, "--json")
    assert done.returncode == 1, done.stderr
    after = standing(c)
    assert {k: (before.get(k), after.get(k)) for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == {}
    assert c.script_exists(script) == [True] and other.client_id() == mine
    other.set("a", 3)  # nobody holds writes
    report, found = told(done)
    assert "selftest-command:CONFIG" in found and not [key for key in found if key.startswith("selftest-move:")], found.keys()


def test_a_cache_of_the_sandbox_is_as_the_tables_say():
    with Sandbox() as sandbox:
        sandbox.create("plain", replicas=0)
        primary = sandbox.cluster("plain")["primary"]
        done = selftest(f"redis://{primary['address']}:{primary['port']}", "--json")
        report, found = told(done)
        assert done.returncode == 0 and found == {}, done.stderr + str(found)
        assert "0 differ" in report["verdict"]


def test_the_report_names_no_client_user_or_address(server):
    one = server("valkey-8.0")
    c = one.client(client_name="orders-api-prod")
    c.execute_command("ACL", "SETUSER", "some-user", "on", ">pw", "~*", "+@all", "-@dangerous", "+info", "-xadd")
    for user in ("some-user", None):
        done = selftest(one.url.replace("://", f"://{user}@") if user else one.url, "--json", env={"HANDOVER_TARGET_PASSWORD": "pw"} if user else None)
        assert done.returncode == 1, done.stderr
        for secret in ("some-user", "orders-api-prod", "127.0.0.1", str(one.port)):
            assert secret not in done.stdout, done.stdout[done.stdout.index(secret) - 300:][:400]
    c.close()


def test_a_target_that_cannot_be_used_is_told(server):
    one = server("valkey-8.0", password="secret")
    done = selftest(one.url)
    assert done.returncode == tool.TARGET and "password" in done.stderr
    done = selftest(one.url, env={"HANDOVER_TARGET_PASSWORD": "secret"})
    assert done.returncode == 1 and "secret" not in done.stdout, done.stderr
