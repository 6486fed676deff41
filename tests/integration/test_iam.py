"""IAM users: the sandbox checks their tokens as ElastiCache does, and a whole move logs in with fresh ones."""

import contextlib
import json
import os
import time

import pytest
import redis

import tool
from sandbox_process import Cache
from sandboxes import ClientError, Sandbox
from servers import wait_until
from test_cache import aws
from test_cutover import cut_over_when_it_may
from tokens import token
from tool import SLOW
from workload import Workload

USER, OTHER, PASSWORD = "mover", "other", "a-password-of-16-characters"
WRONG = "invalid username-password pair"


def users_make(api, access="on ~* &* +@all"):
    api.create_user(UserId=USER, UserName=USER, Engine="valkey", AccessString=access, AuthenticationMode={"Type": "iam"})
    api.create_user(UserId=OTHER, UserName=OTHER, Engine="valkey", AccessString=access, AuthenticationMode={"Type": "iam"})
    api.create_user(UserId="classic", UserName="classic", Engine="valkey", AccessString="on ~* &* +@all",
                    Passwords=[PASSWORD])
    api.create_user_group(UserGroupId="movers", Engine="valkey", UserIds=[USER, "classic"])


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(options=("--endpoints", "addresses")) as one:
        api = one.client()
        users_make(api)
        api.create_cache_parameter_group(CacheParameterGroupName="kept", CacheParameterGroupFamily="valkey8",
                                         Description="d")
        api.modify_cache_parameter_group(CacheParameterGroupName="kept", ParameterNameValues=[
            {"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}])
        one.create("cart", TransitEncryptionEnabled=True, UserGroupIds=["movers"], CacheParameterGroupName="kept")
        yield one


def made(sandbox, user=USER, cache="cart", keys=None, **more):
    return token({**sandbox.status()["credentials"], **(keys or {})}, cache, user, **more)


def connect(sandbox, password, user=USER, **more):
    return sandbox.redis("cart", username=user, password=password, **more)


# -- the API ---------------------------------------------------------------------------------------


def test_iam_users_are_made_and_shown_as_the_service_does(sandbox):
    api = sandbox.client()
    shown = api.describe_users(UserId=USER)["Users"][0]
    assert shown["Authentication"] == {"Type": "iam", "PasswordCount": 0}
    for more, code in (({"UserName": "another"}, "InvalidParameterValue"),
                       ({"Passwords": [PASSWORD]}, "InvalidParameterCombination")):
        with pytest.raises(ClientError) as caught:
            api.create_user(**{"UserId": "odd", "UserName": "odd", "Engine": "valkey", "AccessString": "on ~* +@all",
                               "AuthenticationMode": {"Type": "iam"}, **more})
        assert caught.value.response["Error"]["Code"] == code


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_lets_in_and_all_else_reaches_the_engine(sandbox):
    client = connect(sandbox, made(sandbox))
    assert client.set("k", "v") and client.get("k") == "v"
    assert client.execute_command("ACL", "WHOAMI") == USER
    big = os.urandom(3_000_000).hex()
    client.set("big", big)
    assert client.get("big") == big
    with client.pipeline(transaction=True) as pipe:
        for n in range(5000):
            pipe.set(f"p{n}", n)
        assert len(pipe.execute()) == 5000
    with pytest.raises(redis.ResponseError, match="unknown command"):
        client.execute_command("CONFIG", "GET", "maxmemory")
    classic = connect(sandbox, PASSWORD, "classic")
    assert classic.execute_command("ACL", "WHOAMI") == "classic"


def test_hello_and_inline_logins_are_checked_too(sandbox):
    client = connect(sandbox, PASSWORD, "classic")
    connection = client.connection_pool.get_connection("PING")
    good = made(sandbox)
    for words, answer in ((("HELLO", "2", "AUTH", USER, good), USER), (("hello", "2", "auth", USER, good), USER),
                          (("AUTH", "classic", PASSWORD), "classic"), (("AUTH", USER, good), USER)):
        connection.send_command(*words)
        connection.read_response()
        connection.send_command("ACL", "WHOAMI")
        assert connection.read_response() == answer
    connection.send_packed_command([f"AUTH {USER} {good}\r\n".encode()])
    assert connection.read_response() == "OK"
    connection.send_command("HELLO", "2", "AUTH", USER, "no-token")
    with pytest.raises(redis.ResponseError, match=WRONG):
        connection.read_response()
    connection.disconnect()


@pytest.mark.parametrize("why, more", [
    ("expired", {"age_s": 905}),
    ("not yet", {"age_s": -600}),
    ("shorter life", {"age_s": 65, "expires_s": 60}),
    ("another cache", {"cache": "cart2"}),
    ("a serverless cache", {"serverless": True}),
    ("another region", {"region": "eu-west-1"}),
    ("another service", {"service": "s3"}),
    ("another user", {"user": OTHER}),
    ("another key", {"keys": {"access_key_id": "AKIAOTHEROTHEROTHER1"}}),
    ("another secret", {"keys": {"secret_access_key": "x" * 40}}),
])
def test_a_token_that_is_not_this_users_for_this_cache_now_is_refused(sandbox, why, more):
    with pytest.raises(redis.RedisError, match=WRONG):
        connect(sandbox, made(sandbox, **more)).ping()
    assert connect(sandbox, made(sandbox, age_s=890)).ping()


def test_what_is_no_token_is_refused_the_engines_own_password_too(sandbox):
    good = made(sandbox)
    flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
    own = json.loads((sandbox.workdir / "sandbox.json").read_text())["iam_password"]
    for wrong in (flipped, good + "0", good[1:], own, "-", "x" * 4000):
        with pytest.raises(redis.RedisError, match=WRONG):
            connect(sandbox, wrong).ping()
    with pytest.raises(redis.RedisError, match=WRONG):
        connect(sandbox, made(sandbox, user=OTHER), OTHER).ping()  # an IAM user, but not of this cache
    assert "refused" in sandbox.log() and good not in sandbox.log()


def test_a_client_that_makes_a_token_for_each_connection_reconnects(sandbox):
    asked = []

    class Fresh(redis.SSLConnection):
        def on_connect(self):
            asked.append(1)
            self.password = made(sandbox)
            super().on_connect()
    pool = redis.ConnectionPool(connection_class=Fresh, host=sandbox.cluster("cart")["primary"]["address"], port=6379,
                                username=USER, ssl_ca_certs=sandbox.status()["ca_file"], ssl_check_hostname=True)
    client = redis.Redis(connection_pool=pool)
    assert client.ping()
    pool.disconnect()
    assert client.ping() and len(asked) == 2


def test_a_failover_moves_the_tokens_gate_with_the_primary(sandbox):
    api = sandbox.client()
    connect(sandbox, made(sandbox)).set("before", "1")
    old = connect(sandbox, made(sandbox))
    old.ping()
    api.test_failover(ReplicationGroupId="cart", NodeGroupId="0001")
    sandbox.wait("cart")

    def writes():
        with contextlib.suppress(redis.RedisError):
            return connect(sandbox, made(sandbox), socket_timeout=1).set("after", "1")
    wait_until(writes, 20 * SLOW, sandbox.log)
    client = connect(sandbox, made(sandbox))
    assert client.get("before") == "1" and client.info("replication")["role"] == "master"
    wait_until(lambda: client.info("replication")["connected_slaves"] == 1, 20 * SLOW, sandbox.log)
    with pytest.raises(redis.RedisError, match=WRONG):
        connect(sandbox, "no-token").ping()


def test_a_cache_gets_its_gate_with_its_first_iam_user_and_loses_it_with_the_last(sandbox):
    api = sandbox.client()
    api.create_user(UserId="late", UserName="late", Engine="valkey", AccessString="on ~* +@all", Passwords=[PASSWORD])
    api.create_user_group(UserGroupId="lates", Engine="valkey", UserIds=["late"])
    sandbox.create("late", TransitEncryptionEnabled=True, UserGroupIds=["lates"])
    sandbox.redis("late", username="late", password=PASSWORD).set("k", "v")

    def enters(password):
        with contextlib.suppress(redis.RedisError):
            return sandbox.redis("late", username="late", password=password, socket_timeout=1).get("k") == "v"
    api.modify_user(UserId="late", AuthenticationMode={"Type": "iam"})
    wait_until(lambda: enters(made(sandbox, "late", "late")), 20 * SLOW, sandbox.log)
    assert not enters(PASSWORD)
    api.modify_user(UserId="late", AuthenticationMode={"Type": "password", "Passwords": [PASSWORD]})
    wait_until(lambda: enters(PASSWORD), 20 * SLOW, sandbox.log)
    assert not enters(made(sandbox, "late", "late"))


# -- connections and their end ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick():
    """Twelve hours are 2.2 seconds."""
    with Sandbox(compress="20000", options=("--endpoints", "addresses")) as one:
        api = one.client()
        users_make(api)
        one.create("cart", replicas=0, TransitEncryptionEnabled=True, UserGroupIds=["movers"])
        yield one


def test_a_connection_ends_twelve_hours_after_its_last_token(quick):
    def lives(renews):
        connection = connect(quick, made(quick)).connection_pool.get_connection("PING")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 4.5:
                connection.send_command("PING")
                connection.read_response()
                if renews:
                    connection.send_command("AUTH", USER, made(quick))
                    connection.read_response()
                connection.can_read(0.1)  # ends at once when it is closed
        except (redis.ConnectionError, redis.TimeoutError):
            pass
        return time.monotonic() - began
    assert 2 <= lives(False) < 4.5
    assert lives(True) >= 4.5


# -- the product -----------------------------------------------------------------------------------


def options_of(sandbox, *more):
    return ("--target-ca", sandbox.status()["ca_file"], "--target-auth", "iam", *more)


def test_the_network_is_audited_with_a_token(sandbox):
    done = tool.handover("audit", "network", "--target", f"elasticache://{USER}@cart", *options_of(sandbox),
                         env=aws(sandbox))
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tool.handover("audit", "network", "--target", f"elasticache://{OTHER}@cart", *options_of(sandbox),
                          env=aws(sandbox))
    assert wrong.returncode == tool.FINDINGS and "network-auth-iam" in wrong.stdout
    no_user = tool.handover("audit", "network", "--target", "elasticache://cart", *options_of(sandbox), env=aws(sandbox))
    assert no_user.returncode == tool.USAGE and "needs the user" in no_user.stderr
    both = tool.handover("audit", "network", "--target", f"elasticache://{USER}@cart", *options_of(sandbox),
                         env=aws(sandbox, HANDOVER_TARGET_PASSWORD="p"))
    assert both.returncode == tool.USAGE and "one of the two" in both.stderr


class IamCache(Cache):
    """Its instruments log in with a password, the product with tokens."""

    def __init__(self, sandbox):
        super().__init__(sandbox, "cart", user=USER)

    def client(self, **more):
        return connect(self.sandbox, PASSWORD, "classic", **more)


def secrets_of(move):
    for path in [move.directory / "run.log", *move.workdir.rglob("*")]:
        if path.is_file():
            yield path, path.read_bytes()


def test_a_whole_move_goes_in_with_tokens_renewed_all_the_time_under_writes(sandbox, server):
    target_client = connect(sandbox, PASSWORD, "classic")
    target_client.flushall()
    before = target_client.info("commandstats")["cmdstat_auth"]
    source = server("redis-7.0")
    target = IamCache(sandbox)
    with tool.Migration(source, target, options_of(sandbox, "--login-renew", "150ms", *tool.accept("backlog")),
                        env=aws(sandbox)) as move, Workload(source, seed=11) as writer:
        writer.wait_writes(1000)
        move.start()
        move.wait_phase("in-sync")
        writer.wait_writes(2000)
        arguments = (f"/proc/{move.process.pid}/cmdline", f"/proc/{move.process.pid}/environ")
        assert all(b"Action=connect" not in open(path, "rb").read() for path in arguments)
        move.kill()
        writer.wait_writes(500)
        move.start()  # the work directory knows the login; AWS is not asked for the group
        move.wait_caught_up()
        report = writer.stop()
        assert report["wrong"] == []
        move.wait_caught_up()
        logins = target.client().info("commandstats")["cmdstat_auth"]
        assert logins["calls"] > before["calls"] + 20 and logins["failed_calls"] == before["failed_calls"], logins
        done = tool.handover("verify", "--workdir", move.workdir, "--target-ca", sandbox.status()["ca_file"],
                             source=source, env=aws(sandbox))
        assert done.returncode == 0, done.stdout + done.stderr
        for path, content in secrets_of(move):
            assert b"Action=connect" not in content and b"X-Amz-Signature" not in content, path
        assert "no new login" not in move.log()
        cut_over_when_it_may(move)
        move.wait_phase("switched")
    assert connect(sandbox, PASSWORD, "classic").dbsize() > 0
