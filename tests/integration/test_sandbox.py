"""The sandbox answers AWS's own clients as ElastiCache does, on real engines that can be spoken to."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
import redis

from faults import still_for
from sandboxes import CLI, Sandbox, refused
from servers import ROOT, wait_until
from tool import BIN, SLOW, USAGE, handover

TOKEN, NEXT_TOKEN, LAST_TOKEN = "first-token-0123456", "second-token-0123456", "third-token-0123456"
LOCKED_OUT = "WRONGPASS|Authentication required"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


# -- the AWS CLI ---------------------------------------------------------------------------------


def test_the_aws_cli_creates_waits_describes_fails_over_and_deletes(sandbox):
    made = sandbox.aws("create-replication-group", "--replication-group-id", "Journey", "--replication-group-description",
                       "by the CLI", "--engine", "valkey", "--engine-version", "8.0", "--num-cache-clusters", "2",
                       "--automatic-failover-enabled", "--cache-node-type", "cache.t4g.small", "--tags", "Key=team,Value=a")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["ReplicationGroup"]["Status"] == "creating"
    waited = sandbox.aws("wait", "replication-group-available", "--replication-group-id", "journey")
    assert waited.returncode == 0, waited.stderr
    nodes = json.loads(sandbox.aws("describe-cache-clusters", "--show-cache-node-info").stdout)["CacheClusters"]
    mine = [node for node in nodes if node["ReplicationGroupId"] == "journey"]
    assert [node["CacheClusterId"] for node in mine] == ["journey-001", "journey-002"]
    assert mine[0]["CacheNodes"][0]["Endpoint"]["Address"].endswith(".cache.sandbox.test")
    assert mine[0]["EngineVersion"].startswith("8.0.")
    wrong = sandbox.aws("modify-cache-parameter-group", "--cache-parameter-group-name", "default.valkey8",
                        "--parameter-name-values", "ParameterName=maxmemory-policy,ParameterValue=noeviction")
    assert wrong.returncode == 254 and "InvalidCacheParameterGroupState" in wrong.stderr
    failover = sandbox.aws("test-failover", "--replication-group-id", "journey", "--node-group-id", "0001")
    assert failover.returncode == 0, failover.stderr
    sandbox.wait("journey")
    assert sandbox.group("journey")["NodeGroups"][0]["NodeGroupMembers"][1]["CurrentRole"] == "primary"
    assert sandbox.aws("delete-replication-group", "--replication-group-id", "journey").returncode == 0
    gone = sandbox.aws("wait", "replication-group-deleted", "--replication-group-id", "journey")
    assert gone.returncode == 0, gone.stderr
    lost = sandbox.aws("describe-replication-groups", "--replication-group-id", "journey")
    assert lost.returncode == 254 and "ReplicationGroupNotFoundFault" in lost.stderr


def test_a_wrong_secret_and_an_unknown_key_are_refused(sandbox):
    wrong = sandbox.aws("describe-replication-groups", AWS_SECRET_ACCESS_KEY="wrong")
    assert wrong.returncode == 254 and "SignatureDoesNotMatch" in wrong.stderr
    unknown = sandbox.aws("describe-replication-groups", AWS_ACCESS_KEY_ID="AKIAUNKNOWN")
    assert unknown.returncode == 254 and "InvalidClientTokenId" in unknown.stderr


def test_a_shell_is_told_what_to_export(sandbox):
    told = sandbox.command("status", "--env")
    assert told.returncode == 0 and not told.stderr
    shell = subprocess.run(["sh", "-c", f'eval "$TOLD"; exec {CLI} sts get-caller-identity --endpoint-url $AWS_ENDPOINT_URL'],
                           env={"TOLD": told.stdout, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(sandbox.directory)},
                           capture_output=True, text=True, timeout=60 * SLOW)
    assert shell.returncode == 0 and "user/sandbox" in shell.stdout, shell.stderr


def test_the_example_of_the_page_works_as_it_stands(tmp_path):
    page = (ROOT / "docs" / "sandbox.md").read_text()
    example = page.split("```sh\n")[1].split("```")[0]
    path = f"{BIN.parent}:{pathlib.Path(CLI).parent}:/bin"
    env = {"PATH": path, "HOME": str(tmp_path), "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}
    with Sandbox(options=("--endpoints", "addresses"), directory=tmp_path, name="handover-sandbox") as one:
        done = subprocess.run(["sh", "-eu"], input=example, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120 * SLOW)
        assert done.returncode == 0, done.stdout + done.stderr + one.log()
        assert "Reachable from here." in done.stdout and "followed the failover" in done.stdout, done.stdout
        assert one.process.wait(20 * SLOW) == 0


def test_what_it_does_not_have_answers_not_implemented_with_its_name(sandbox):
    api = sandbox.client()
    refused(api.describe_global_replication_groups, "NotImplemented", "DescribeGlobalReplicationGroups")
    refused(lambda: api.create_replication_group(ReplicationGroupId="x", ReplicationGroupDescription="x",
                                                 KmsKeyId="k"), "NotImplemented", "KmsKeyId")
    refused(lambda: api.create_replication_group(ReplicationGroupId="x", ReplicationGroupDescription="x",
                                                 NumNodeGroups=2), "NotImplemented", "cluster mode")


def test_a_presigned_call_is_taken_until_it_is_over(sandbox):
    api = sandbox.client()
    url = api.generate_presigned_url("describe_events", HttpMethod="GET", ExpiresIn=60)
    assert b"<DescribeEventsResult>" in urllib.request.urlopen(url, timeout=20).read()
    flipped = url[:-1] + ("0" if url[-1] != "0" else "1")
    for wrong in (flipped, url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(wrong, timeout=20)
        assert caught.value.code == 403 and b"SignatureDoesNotMatch" in caught.value.read()


def test_the_caller_is_told_who_it_is(sandbox):
    identity = sandbox.client("sts").get_caller_identity()
    assert identity["Account"] == "123456789012" and identity["Arn"].endswith(":user/sandbox")


# -- parameter groups ----------------------------------------------------------------------------


def test_parameters_are_checked_by_the_table_and_in_force_on_the_engine(sandbox):
    api = sandbox.client()
    api.create_cache_parameter_group(CacheParameterGroupName="tuned", CacheParameterGroupFamily="valkey8", Description="d")
    sandbox.create("tuned", CacheParameterGroupName="tuned", EngineVersion="8.1")
    memory = sandbox.redis("tuned").info("memory")
    assert memory["maxmemory_policy"] == "volatile-lru"

    def change(name, value):
        return api.modify_cache_parameter_group(CacheParameterGroupName="tuned", ParameterNameValues=[
            {"ParameterName": name, "ParameterValue": value}])
    refused(lambda: change("maxmemory-policy", "sometimes"), "InvalidParameterValue", "maxmemory-policy", "noeviction")
    for name, value in (("slowlog-max-len", "many"), ("slowlog-max-len", '1"\nport 1'), ("notify-keyspace-events", "Q")):
        refused(lambda name=name, value=value: change(name, value), "InvalidParameterValue", name)
    refused(lambda: change("appendonly", "yes"), "InvalidParameterValue", "cannot be modified")
    refused(lambda: change("no-such", "1"), "InvalidParameterValue", "Could not find parameter with name: no-such")
    change("maxmemory-policy", "allkeys-lfu")
    change("reserved-memory-percent", "50")
    wait_until(lambda: sandbox.redis("tuned").info("memory")["maxmemory_policy"] == "allkeys-lfu", 10 * SLOW, "the policy")
    wait_until(lambda: sandbox.redis("tuned").info("memory")["maxmemory"] < memory["maxmemory"], 10 * SLOW, "the reserve")
    rows = api.describe_cache_parameters(CacheParameterGroupName="tuned", Source="user")["Parameters"]
    assert {row["ParameterName"]: row["ParameterValue"] for row in rows} == {
        "maxmemory-policy": "allkeys-lfu", "reserved-memory-percent": "50"}
    refused(lambda: api.delete_cache_parameter_group(CacheParameterGroupName="tuned"), "InvalidCacheParameterGroupState")
    api.reset_cache_parameter_group(CacheParameterGroupName="tuned", ResetAllParameters=True)
    wait_until(lambda: sandbox.redis("tuned").info("memory")["maxmemory_policy"] == "volatile-lru", 10 * SLOW, "the default")


def test_pages_hold_everything_once(sandbox):
    api = sandbox.client()
    pages = list(api.get_paginator("describe_engine_default_parameters").paginate(
        CacheParameterGroupFamily="valkey8", PaginationConfig={"PageSize": 20}))
    names = [row["ParameterName"] for page in pages for row in page["EngineDefaults"]["Parameters"]]
    assert len(pages) > 2 and len(names) == len(set(names)) and "maxmemory-policy" in names
    refused(lambda: api.describe_events(MaxRecords=5), "InvalidParameterValue")
    refused(lambda: api.describe_events(Marker="none"), "InvalidParameterValue")


def test_engine_versions_are_those_that_engines_are_here_for(sandbox):
    rows = sandbox.client().describe_cache_engine_versions(Engine="valkey")["CacheEngineVersions"]
    assert ("8.0", "valkey8") in [(row["EngineVersion"], row["CacheParameterGroupFamily"]) for row in rows]
    api = sandbox.client()
    refused(lambda: api.create_replication_group(ReplicationGroupId="x", ReplicationGroupDescription="x", Engine="redis",
                                                 EngineVersion="4.0.10"), "InvalidParameterCombination", "4.0.10")


def test_subnet_groups_and_tags_are_kept(sandbox):
    api = sandbox.client()
    made = api.create_cache_subnet_group(CacheSubnetGroupName="nets", CacheSubnetGroupDescription="d",
                                         SubnetIds=["subnet-1", "subnet-2"], Tags=[{"Key": "a", "Value": "1"}])
    arn = made["CacheSubnetGroup"]["ARN"]
    assert len(made["CacheSubnetGroup"]["Subnets"]) == 2
    api.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "<&>"}])
    api.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert api.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "b", "Value": "<&>"}]
    api.delete_cache_subnet_group(CacheSubnetGroupName="nets")
    refused(lambda: api.describe_cache_subnet_groups(CacheSubnetGroupName="nets"), "CacheSubnetGroupNotFoundFault")


# -- what clients of the engine see --------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(sandbox):
    sandbox.create("plain", replicas=2)
    return "plain"


@pytest.mark.parametrize("command", ["CONFIG GET *", "DEBUG SLEEP 0", "SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN",
                                     "REPLICAOF NO ONE", "SLAVEOF NO ONE", "MIGRATE h 1 k 0 1"])
def test_commands_blocked_as_a_whole_are_unknown(sandbox, plain, command):
    name = command.split()[0]
    with pytest.raises(redis.ResponseError, match=f"unknown command '{name}', with args beginning with:"):
        sandbox.redis(plain).execute_command(*command.split())


@pytest.mark.parametrize("command", ["ACL SETUSER x on", "ACL LOAD", "CLUSTER MEET 127.0.0.1 1", "CLUSTER FAILOVER",
                                     "PSYNC ? -1", "SYNC"])
def test_commands_blocked_in_part_are_not_permitted(sandbox, plain, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        sandbox.redis(plain).execute_command(*command.split())


def test_names_resolve_to_the_nodes_for_five_seconds(sandbox, plain):
    group, one = sandbox.group(plain)["NodeGroups"][0], sandbox.cluster(plain)
    hosts = {node["role"] + node["id"]: node["address"] for node in one["nodes"]}
    assert sandbox.resolve(group["PrimaryEndpoint"]["Address"]) == (0, [(hosts["primaryplain-001"], 5)])
    code, readers = sandbox.resolve(group["ReaderEndpoint"]["Address"].upper())
    assert code == 0 and {host for host, _ in readers} == {hosts["replicaplain-002"], hosts["replicaplain-003"]}
    assert sandbox.resolve("no-such.cache.sandbox.test") == (3, [])
    assert sandbox.resolve("example.com") == (5, [])
    assert sandbox.resolve(group["PrimaryEndpoint"]["Address"], kind=28) == (0, [])


def test_nodes_are_on_loopback_addresses_of_their_own(sandbox, plain):
    addresses = [node["address"] for node in sandbox.cluster(plain)["nodes"]]
    assert len(set(addresses)) == 3 and all(address.startswith("127.") for address in addresses)
    assert sandbox.redis(plain, addresses[1]).role()[0] == "slave"


def test_a_client_that_writes_to_a_replica_is_closed_unless_the_parameter_says_no(sandbox):
    api = sandbox.client()
    api.create_cache_parameter_group(CacheParameterGroupName="lenient", CacheParameterGroupFamily="valkey8", Description="d")
    sandbox.create("closing", CacheParameterGroupName="lenient")
    replica = sandbox.cluster("closing")["nodes"][1]["address"]
    reader = sandbox.redis("closing", replica, single_connection_client=True)
    writer = sandbox.redis("closing", replica, single_connection_client=True)
    name, other = writer.client_id(), reader.client_id()

    def here():
        return {int(one["id"]) for one in reader.client_list()}

    def refuse():
        with pytest.raises(redis.exceptions.ReadOnlyError):
            writer.set("a", "1")

    def closed():
        with contextlib.suppress(redis.exceptions.ConnectionError):  # it may be met by the next write
            refuse()
        return name not in here()
    wait_until(closed, 10 * SLOW, "the end of the connection", every_s=0.05)
    assert other in here()
    api.modify_cache_parameter_group(CacheParameterGroupName="lenient", ParameterNameValues=[
        {"ParameterName": "close-on-replica-write", "ParameterValue": "no"}])
    writer = sandbox.redis("closing", replica, single_connection_client=True)
    name = writer.client_id()
    for _ in range(20):
        refuse()
        still_for(0.05)  # what must not happen has no event: long enough for it, were it to
    assert name in here()


def test_replicas_are_added_and_removed(sandbox):
    api = sandbox.create("scaled")
    api.increase_replica_count(ReplicationGroupId="scaled", NewReplicaCount=2, ApplyImmediately=True)
    sandbox.wait("scaled")
    assert sandbox.redis("scaled").info("replication")["connected_slaves"] == 2
    refused(lambda: api.increase_replica_count(ReplicationGroupId="scaled", NewReplicaCount=2, ApplyImmediately=True),
            "NoOperationFault")
    refused(lambda: api.decrease_replica_count(ReplicationGroupId="scaled", NewReplicaCount=0, ApplyImmediately=True),
            "InvalidParameterCombination")
    api.decrease_replica_count(ReplicationGroupId="scaled", NewReplicaCount=1, ApplyImmediately=True)
    sandbox.wait("scaled")
    assert len(sandbox.cluster("scaled")["nodes"]) == 2


def test_a_single_node_gets_its_first_replica_which_takes_the_reader_s_address_over(sandbox):
    api = sandbox.create("single", replicas=0)
    reader = sandbox.cluster("single")["reader"]["address"]
    assert sandbox.redis("single", reader).role()[0] == "master"
    api.increase_replica_count(ReplicationGroupId="single", NewReplicaCount=1, ApplyImmediately=True)
    sandbox.wait("single")
    assert [n["status"] for n in sandbox.cluster("single")["nodes"]] == ["available", "available"], sandbox.log()
    assert sandbox.redis("single").info("replication")["connected_slaves"] == 1
    assert sandbox.redis("single", reader).role()[0] == "slave"


# -- TLS, AUTH, users ----------------------------------------------------------------------------


def test_tls_with_an_auth_token_that_is_rotated_and_set(sandbox):
    api = sandbox.client()
    refused(lambda: api.create_replication_group(ReplicationGroupId="x", ReplicationGroupDescription="x", AuthToken=TOKEN),
            "InvalidParameterCombination")
    refused(lambda: api.create_replication_group(ReplicationGroupId="x", ReplicationGroupDescription="x", AuthToken="short",
                                                 TransitEncryptionEnabled=True), "InvalidParameterValue")
    sandbox.create("secret", TransitEncryptionEnabled=True, AuthToken=TOKEN)
    assert sandbox.redis("secret", password=TOKEN).ping()
    for word in (None, NEXT_TOKEN):
        with pytest.raises(redis.exceptions.RedisError, match=LOCKED_OUT):
            sandbox.redis("secret", password=word).ping()
    with pytest.raises(redis.exceptions.ConnectionError):
        sandbox.redis("secret", ssl=False).ping()
    with pytest.raises(redis.exceptions.ConnectionError, match="certificate"):
        sandbox.redis("secret", ssl_ca_certs="/etc/ssl/certs/ca-certificates.crt").ping()

    def change(strategy, token):
        api.modify_replication_group(ReplicationGroupId="secret", AuthToken=token, AuthTokenUpdateStrategy=strategy,
                                     ApplyImmediately=True)
        sandbox.wait("secret")
    refused(lambda: change("SET", NEXT_TOKEN), "InvalidParameterValue")
    change("ROTATE", NEXT_TOKEN)
    assert sandbox.redis("secret", password=TOKEN).ping() and sandbox.redis("secret", password=NEXT_TOKEN).ping()
    change("ROTATE", LAST_TOKEN)
    with pytest.raises(redis.exceptions.RedisError, match=LOCKED_OUT):
        sandbox.redis("secret", password=TOKEN).ping()
    change("SET", LAST_TOKEN)
    with pytest.raises(redis.exceptions.RedisError, match=LOCKED_OUT):
        sandbox.redis("secret", password=NEXT_TOKEN).ping()
    assert sandbox.redis("secret", password=LAST_TOKEN).ping()


def test_users_have_the_rights_of_their_access_strings(sandbox):
    api = sandbox.client()
    refused(lambda: api.create_user(UserId="bad", UserName="bad", Engine="redis", AccessString="on >password ~*",
                                    NoPasswordRequired=True), "InvalidParameterValue", ">password")
    refused(lambda: api.create_user(UserId="bad", UserName="bad", Engine="redis", AccessString="on ~a +get (~x +get", Passwords=[TOKEN]),
            "InvalidParameterValue", "parenthesis")
    api.create_user(UserId="off-default", UserName="default", Engine="redis", AccessString="off -@all",
                    NoPasswordRequired=True)
    api.create_user(UserId="app", UserName="app", Engine="redis", AccessString="on ~app:* +@all", Passwords=[TOKEN])
    refused(lambda: api.create_user_group(UserGroupId="team", Engine="redis", UserIds=["app"]), "DefaultUserRequired")
    api.create_user_group(UserGroupId="team", Engine="redis", UserIds=["off-default", "app"])
    sandbox.create("shared", TransitEncryptionEnabled=True, UserGroupIds=["team"])
    app = sandbox.redis("shared", username="app", password=TOKEN)
    assert app.set("app:1", "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        app.set("other", "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        app.execute_command("ACL", "SETUSER", "x", "on")
    with pytest.raises(redis.exceptions.RedisError, match=LOCKED_OUT):
        sandbox.redis("shared").ping()
    api.modify_user(UserId="app", AccessString="on ~* +@all")

    def allowed():
        try:
            return app.set("other", "x")
        except redis.exceptions.NoPermissionError:
            return False
    wait_until(allowed, 10 * SLOW, "the new rights")
    refused(lambda: api.delete_user_group(UserGroupId="team"), "InvalidUserGroupState")


# -- failover ------------------------------------------------------------------------------------

EVENTS = ["Test Failover API called for node group 0001",
          "Failover from primary node {0}-001 to replica node {0}-002 completed",
          "Failover from primary node {0}-001 to replica node {0}-002 completed",
          "Recovering cache nodes 0001", "Finished recovery for cache nodes 0001"]


@pytest.mark.parametrize("style", ["reset", "silent", "readonly", "dns"])
def test_a_failover_moves_the_primary_and_ends_old_connections_as_asked(style):
    with Sandbox(options=("--failover-style", style), compress="300") as sandbox:
        api = sandbox.create("moves", replicas=1)
        group, old = sandbox.group("moves")["NodeGroups"][0], sandbox.cluster("moves")
        client = sandbox.redis("moves", single_connection_client=True, socket_timeout=1)
        client.set("kept", "1")
        client.wait(1, 5000)
        client.connection.retry_on_error, client.connection.retry_on_timeout = [], False
        told = api.test_failover(ReplicationGroupId="moves", NodeGroupId="0001")
        assert told["ReplicationGroup"]["Status"] == "modifying"
        wait_until(lambda: sandbox.cluster("moves")["nodes"][1]["role"] == "primary", 20 * SLOW, sandbox.log)
        connection = client.connection
        error = {"reset": redis.exceptions.ConnectionError, "silent": redis.exceptions.TimeoutError,
                 "readonly": redis.exceptions.ReadOnlyError}.get(style)
        with pytest.raises(error) if error else contextlib.nullcontext():
            connection.send_command("SET", "lost", "1", check_health=False)
            assert connection.read_response() == "OK"
        sandbox.wait("moves")
        new = sandbox.redis("moves")  # at the same plain address
        assert new.get("kept") == "1" and new.role()[0] == "master" and new.set("more", "1")
        assert new.get("lost") is None
        assert sandbox.cluster("moves")["primary"] == old["primary"]
        assert sandbox.resolve(group["PrimaryEndpoint"]["Address"])[1][0][0] == old["nodes"][1]["address"]
        replica = sandbox.cluster("moves")["nodes"][0]["address"]
        assert (replica == old["nodes"][0]["address"]) == (style in ("reset", "readonly"))  # a lost host comes back elsewhere
        assert wait_until(lambda: sandbox.redis("moves", replica).get("more"), 10 * SLOW, "the replica")
        events = api.describe_events()["Events"]
        said = [event["Message"] for event in reversed(events) if "ailover" in event["Message"] or "ecover" in event["Message"]]
        assert said == [text.format("moves") for text in EVENTS]


def test_an_engine_that_ends_by_itself_is_failed_over(sandbox):
    sandbox.create("crash")
    with sandbox.redis("crash", single_connection_client=True) as primary:  # WAIT is of the connection that wrote
        primary.set("kept", "1")
        assert primary.wait(1, 4000) == 1
        os.kill(primary.info("server")["process_id"], signal.SIGKILL)
    wait_until(lambda: sandbox.cluster("crash")["nodes"][1]["role"] == "primary", 20 * SLOW, sandbox.log)
    sandbox.wait("crash")
    assert sandbox.redis("crash").get("kept") == "1"


def test_an_engine_that_ends_while_its_group_is_changed_is_failed_over_behind_it():
    with Sandbox(compress="60") as sandbox:  # slow enough to come in between
        sandbox.create("mends")
        with sandbox.redis("mends", single_connection_client=True) as primary:
            primary.set("kept", "1")
            assert primary.wait(1, 4000) == 1
            process = primary.info("server")["process_id"]
        sandbox.client().modify_replication_group(ReplicationGroupId="mends", SnapshotRetentionLimit=3, ApplyImmediately=True)
        os.kill(process, signal.SIGKILL)
        assert sandbox.group("mends")["Status"] == "modifying"
        wait_until(lambda: sandbox.cluster("mends")["nodes"][1]["role"] == "primary", 20 * SLOW, sandbox.log)
        sandbox.wait("mends")
        assert sandbox.redis("mends").get("kept") == "1"


# -- a life of its own ---------------------------------------------------------------------------


def test_caches_and_data_are_there_again_after_down_and_up():
    with Sandbox() as sandbox:
        sandbox.create("stays")
        sandbox.redis("stays").set("kept", "1")
        keys, address = sandbox.status()["credentials"], sandbox.cluster("stays")["primary"]
        assert sandbox.command("down").returncode == 0
        assert sandbox.process.wait(10) == 0
        assert sandbox.engines() == [] and sandbox.command("status").returncode == 1
        sandbox.start()
        assert sandbox.status()["credentials"] == keys and sandbox.cluster("stays")["primary"] == address
        wait_until(lambda: answers(sandbox, "stays"), 20 * SLOW, "the engine")
        assert sandbox.redis("stays").get("kept") == "1"
        second = sandbox.command("up")
        assert second.returncode != 0 and "runs in" in second.stderr


def answers(sandbox, name):
    try:
        return sandbox.redis(name).ping()
    except redis.exceptions.RedisError:
        return False


def test_a_killed_sandbox_leaves_no_engine_behind():
    with Sandbox() as sandbox:
        sandbox.create("orphans", replicas=2)
        assert len(sandbox.engines()) == 3
        sandbox.kill()
        wait_until(lambda: not sandbox.engines(), 5 * SLOW, lambda: f"left: {sandbox.engines()}")


def test_what_was_answered_is_kept_by_a_sandbox_that_is_killed_at_once():
    with Sandbox() as sandbox:
        for number in range(3):
            sandbox.client().create_user(UserId=f"u{number}", UserName=f"u{number}", Engine="valkey", AccessString="on ~* +@all",
                                         NoPasswordRequired=True)
            sandbox.kill()
            sandbox.start()
        assert {"u0", "u1", "u2"} <= {u["UserId"] for u in sandbox.client().describe_users()["Users"]}


@pytest.mark.parametrize("text", ["{}", "[]", '{"region": "us-east-1"', '{"secret_access_key": ""}'])
def test_a_state_that_is_none_is_named_and_left_alone(text, tmp_path):
    (tmp_path / "sandbox.json").write_text(text)
    done = handover("sandbox", "up", "--workdir", tmp_path)
    assert done.returncode == USAGE and "is not the state of a sandbox" in done.stderr, done.stderr
    assert (tmp_path / "sandbox.json").read_text() == text


# -- hostile callers -----------------------------------------------------------------------------


def address_of(sandbox):
    host, port = sandbox.status()["endpoint"].removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    return host, int(port)


def post(sandbox, body, **headers):
    request = urllib.request.Request(sandbox.status()["endpoint"], data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    return caught.value.code, caught.value.read().decode()


def test_huge_bodies_and_calls_without_signature_get_an_error_of_aws_shape(sandbox):
    code, text = post(sandbox, b"Action=DescribeEvents")
    assert code == 400 and "<Code>MissingAuthenticationToken</Code>" in text
    code, text = post(sandbox, b"x", Authorization="AWS4-HMAC-SHA256 nonsense")
    assert code == 400 and "<Code>IncompleteSignature</Code>" in text
    with socket.create_connection(address_of(sandbox), timeout=20) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\nAction=")
        assert b"413" in s.recv(4096).split(b"\r\n")[0]
    with socket.create_connection(address_of(sandbox), timeout=20) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            s.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
        answer = s.recv(65536)
        assert b"413" in answer and b"RequestEntityTooLarge" in answer


def test_slow_callers_do_not_hold_up_others(sandbox):
    idle = [socket.create_connection(address_of(sandbox), timeout=20) for _ in range(100)]
    for s in idle:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nAct")
    began = time.monotonic()
    assert "Events" in sandbox.client().describe_events()
    assert time.monotonic() - began < 10 * SLOW
    for s in idle:
        s.close()


def test_200_callers_in_parallel_are_all_answered(sandbox):
    api = sandbox.client(max_pool_connections=200)
    results = []

    def call():
        try:
            api.describe_replication_groups()
            results.append("done")
        except Exception as e:  # noqa: BLE001  any is a failure of the test
            results.append(repr(e))
    threads = [threading.Thread(target=call) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["done"] * 200
