"""`handover provision` makes what a plan names at the sandbox, checks it, changes it, and takes exactly that back."""

import json
import os
import shlex
import signal
import subprocess

import pytest
import yaml
from awscli.clidriver import create_clidriver

import tool
from gates import Gate
from sandboxes import Sandbox
from servers import ROOT

APP, READER = "app-password-0123456", "reader-password-01234"
TOKEN = "first-token-0123456"
SECRETS = {"APP_PASSWORD": APP, "READER_PASSWORD": READER, "CART_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def with_users(name):
    return {
        "name": name,
        "tags": {"team": "shop"},
        "parameter-group": {"parameters": {"maxmemory-policy": "noeviction", "slowlog-max-len": 256}},
        "subnet-group": {"subnets": ["subnet-0a1", "subnet-0b2"]},
        "users": [{"name": "app", "access": "on ~cart:* +@all -@dangerous +info", "passwords": ["env:APP_PASSWORD"]},
                  {"name": "reader", "access": "on ~* +@read +ping", "passwords": ["env:READER_PASSWORD"]}],
        "replication-group": {
            "engine": "valkey", "version": "8.0", "node-type": "cache.t4g.small", "replicas": 1, "multi-az": True,
            "snapshot-retention-days": 7, "snapshot-window": "03:00-04:00", "maintenance-window": "sun:05:00-sun:06:00"},
    }


def small(name, **group):
    return {"name": name, "replication-group": {"engine": "valkey", "version": "8.0", "node-type": "cache.t4g.small",
                                                "replicas": 0, "tls": "no", **group}}


def environment(sandbox):
    keys = sandbox.status()["credentials"]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HANDOVER_"))}
    env.update(SECRETS, HOME=str(sandbox.directory), AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_REGION="us-east-1",
               AWS_ACCESS_KEY_ID=keys["access_key_id"], AWS_SECRET_ACCESS_KEY=keys["secret_access_key"], AWS_MAX_ATTEMPTS="1")
    return env


def arguments(sandbox, plan, *more, endpoint=None):
    path = sandbox.directory / f"{plan['name']}.yml"
    path.write_text(yaml.safe_dump(plan, sort_keys=False))
    return [tool.BIN, "provision", "--plan", path, "--endpoint-url", endpoint or sandbox.status()["endpoint"], *more]


def provision(sandbox, plan, *more, endpoint=None, env=None):
    return subprocess.run(arguments(sandbox, plan, *more, endpoint=endpoint), env=environment(sandbox) | (env or {}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * tool.SLOW)


def checked(sandbox, plan, *more, **kinds):
    """Run once more with the address at which the sandbox's cache is reached: (code, {check: row}, process)."""
    primary = sandbox.cluster(plan["name"])["primary"]
    done = provision(sandbox, plan, "--json", "--at", f"{primary['address']}:{primary['port']}", "--target-ca",
                     sandbox.status()["ca_file"], *more, **kinds)
    rows = {}
    if done.stdout.startswith("{"):
        section = next(one for one in json.loads(done.stdout)["sections"] if one["id"] == "checks")
        table = next(part for part in section["parts"] if part["kind"] == "table")
        rows = {row[0]: row[1:] for row in table["rows"]}
    return done.returncode, rows, done


def there(sandbox):
    """Everything of the account, by kind."""
    api = sandbox.client()
    return {
        "parameter groups": {g["CacheParameterGroupName"] for g in
                             api.describe_cache_parameter_groups()["CacheParameterGroups"]} - {
            g for g in (f"default.{f}" for f in ("redis5.0", "redis6.x", "redis7", "valkey7", "valkey8", "valkey9"))},
        "subnet groups": {g["CacheSubnetGroupName"] for g in api.describe_cache_subnet_groups()["CacheSubnetGroups"]},
        "users": {u["UserId"] for u in api.describe_users()["Users"]} - {"default"},
        "user groups": {g["UserGroupId"] for g in api.describe_user_groups()["UserGroups"]},
        "groups": {g["ReplicationGroupId"] for g in api.describe_replication_groups()["ReplicationGroups"]},
    }


# -- making --------------------------------------------------------------------------------------


def test_a_plan_is_made_checked_and_not_made_again(sandbox):
    plan = with_users("cart")
    before = there(sandbox)
    shown = provision(sandbox, plan, "--dry-run")
    assert shown.returncode == 0 and shown.stdout.count("aws elasticache ") == 7, shown.stdout + shown.stderr
    assert there(sandbox) == before
    made = provision(sandbox, plan, "--timeout", "50s")
    assert made.returncode == tool.FINDINGS, made.stderr  # only the name is unknown here
    assert "login of app is not as planned" in made.stdout and "--at HOST:PORT" in made.stdout
    assert "Replication group cart created" in made.stderr  # an event of the service
    code, rows, again = checked(sandbox, plan)
    assert code == 0, again.stdout + again.stderr
    assert "everything is as planned" in again.stderr
    assert rows["parameter maxmemory-policy"] == ["noeviction", "noeviction", "ok"]
    assert rows["maxmemory-policy by INFO"] == ["noeviction", "noeviction", "ok"]
    assert rows["login of app"][2] == rows["login of reader"][2] == rows["zones"][2] == "ok"
    assert {row[2] for row in rows.values()} == {"ok"}
    group = sandbox.group("cart")
    assert group["MultiAZ"] == "enabled" and group["SnapshotRetentionLimit"] == 7 and group["UserGroupIds"] == ["cart"]
    tags = sandbox.client().list_tags_for_resource(ResourceName=group["ARN"])["TagList"]
    assert {"Key": "handover:plan", "Value": "cart"} in tags and {"Key": "team", "Value": "shop"} in tags
    for secret in SECRETS.values():
        assert secret not in made.stdout + made.stderr + shown.stdout + again.stdout
    nothing = provision(sandbox, plan, "--dry-run")
    assert nothing.stdout == "# nothing to do\n", nothing.stdout


def test_what_differs_is_told_and_changed_where_it_can_be(sandbox):
    plan = with_users("change")
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    plan["parameter-group"]["parameters"] = {"maxmemory-policy": "allkeys-lru"}
    plan["subnet-group"]["subnets"] = ["subnet-0a1", "subnet-0c3"]
    plan["users"][0]["access"] = "on ~* +@all +info"
    plan["users"][1] = {"name": "other", "access": "on ~* +@read", "passwords": ["env:READER_PASSWORD"]}
    plan["replication-group"].update({"replicas": 2, "snapshot-retention-days": 3, "maintenance-window": "mon:05:00-mon:06:00"})
    shown = provision(sandbox, plan, "--dry-run")
    assert "'slowlog-max-len is" not in shown.stdout and "reset-cache-parameter-group" in shown.stdout, shown.stdout
    done = provision(sandbox, plan)
    assert done.returncode == tool.FINDINGS, done.stderr
    for word in ("maxmemory-policy 'noeviction' -> 'allkeys-lru'", "slowlog-max-len '256' -> 'its default'",
                 "the number of replicas '1' -> '2'", "SnapshotRetentionLimit '7' -> '3'", "a user 'change-reader' -> '-'"):
        assert word in done.stderr, done.stderr
    code, rows, again = checked(sandbox, plan)
    assert code == 0 and "everything is as planned" in again.stderr, again.stdout + again.stderr
    assert rows["nodes"][1] == "3" and rows["login of other"][2] == "ok"
    plan["replication-group"]["replicas"] = 1
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    assert len(sandbox.group("change")["MemberClusters"]) == 2
    plan["replication-group"]["node-type"] = "cache.m7g.large"
    fixed = provision(sandbox, plan)
    assert fixed.returncode == tool.USAGE and "the node type is 'cache.t4g.small' there" in fixed.stderr
    assert "--cache-node-type" in fixed.stderr


def test_parameters_that_are_still_being_applied_are_waited_for(sandbox):
    plan = small("applies")
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    looks = []

    def late(action, answer):
        if action == "DescribeCacheClusters":
            looks.append(action)
            return answer.replace(b"<ParameterApplyStatus>in-sync<", b"<ParameterApplyStatus>applying<") if len(looks) < 3 else answer
        return answer
    with Gate(sandbox) as gate:
        gate.change = late
        code, rows, done = checked(sandbox, plan, endpoint=gate.url)
        assert code == 0 and rows["parameters in force"][2] == "ok" and len(looks) > 3, done.stdout + done.stderr
        assert "parameters are applied" in done.stderr and "parameters in-sync" in done.stderr
        gate.change = lambda action, answer: answer.replace(b"<ParameterApplyStatus>in-sync<", b"<ParameterApplyStatus>applying<")
        never = provision(sandbox, plan, "--timeout", "1s", endpoint=gate.url)
        assert never.returncode == tool.INTERRUPTED and "still applies parameters" in never.stderr, never.stderr


def test_a_cache_with_an_auth_token_is_logged_in_to(sandbox):
    plan = small("token", tls="required") | {}
    plan["replication-group"]["auth-token"] = "env:CART_TOKEN"
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    code, rows, done = checked(sandbox, plan)
    assert code == 0 and rows["login with the token"][2] == "ok", done.stdout + done.stderr
    code, rows, done = checked(sandbox, plan, env={"CART_TOKEN": "another-token-0123456"})
    assert code == tool.FINDINGS and "step AUTH" in rows["login with the token"][1]
    short = provision(sandbox, plan, env={"CART_TOKEN": "short"})
    assert short.returncode == tool.USAGE and "cannot be an AUTH token" in short.stderr and "short'" not in short.stderr
    missing = provision(sandbox, plan, env={"CART_TOKEN": ""})
    assert missing.returncode == tool.USAGE and "'CART_TOKEN' that the plan refers to is not set" in missing.stderr


def test_an_iam_user_of_a_plan_is_logged_in_with_a_token(sandbox):
    plan = with_users("robots")
    plan["users"].append({"name": "robot", "access": "on ~* +@all", "iam": True})
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    code, rows, done = checked(sandbox, plan)
    assert code == 0 and rows["login of robot"][2] == "ok", done.stdout + done.stderr
    assert "everything is as planned" in done.stderr


# -- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parameter group", "subnet group", "user", "user group", "replication group"])
def test_what_it_did_not_make_is_refused_before_anything_is_made(sandbox, kind):
    name = "of-" + kind.replace(" ", "-")
    api, plan = sandbox.client(), with_users(name)
    if kind == "parameter group":
        api.create_cache_parameter_group(CacheParameterGroupName=name, CacheParameterGroupFamily="valkey8", Description="x")
    elif kind == "subnet group":
        api.create_cache_subnet_group(CacheSubnetGroupName=name, CacheSubnetGroupDescription="x", SubnetIds=["subnet-1"])
    elif kind == "user":
        api.create_user(UserId=f"{name}-app", UserName="app", Engine="valkey", AccessString="on ~* +@all", Passwords=[APP])
    elif kind == "user group":
        api.create_user_group(UserGroupId=name, Engine="valkey")
    else:
        sandbox.create(name, replicas=0)
    before = there(sandbox)
    done = provision(sandbox, plan)
    assert done.returncode == tool.USAGE and f"{kind} '{name}" in done.stderr, done.stderr
    assert "is there already, and not by this plan" in done.stderr and "add-tags-to-resource" in done.stderr
    assert there(sandbox) == before
    gone = provision(sandbox, plan, "--destroy", "--yes")
    assert gone.returncode == 0 and gone.stdout.startswith("0 removed"), gone.stderr
    assert there(sandbox) == before


def test_destroy_takes_back_exactly_what_was_made(sandbox):
    plan = with_users("brief")
    before = there(sandbox)
    assert provision(sandbox, plan).returncode == tool.FINDINGS
    plan["users"].pop()  # was made, and is of the plan no more: its tag tells
    asked = provision(sandbox, plan, "--destroy")
    assert asked.returncode == tool.USAGE and "no terminal to ask on" in asked.stderr and "--yes" in asked.stderr
    assert "brief" in there(sandbox)["groups"]
    shown = provision(sandbox, plan, "--destroy", "--dry-run")
    assert [line.split()[2] for line in shown.stdout.splitlines() if line.startswith("aws ")] == [
        "delete-replication-group", "delete-user-group", "delete-user", "delete-user", "delete-cache-subnet-group",
        "delete-cache-parameter-group"]
    done = provision(sandbox, plan, "--destroy", "--yes")
    assert done.returncode == 0 and done.stdout.startswith("6 removed"), done.stdout + done.stderr
    assert there(sandbox) == before


# -- killed, and refused -------------------------------------------------------------------------


def kill_at(sandbox, gate, plan, number, answered, *more):
    """The process is killed at its n-th changing call, before it arrives or before its answer does."""
    seen = []
    process = None

    def stop(forward):
        if answered:
            forward()
        process.send_signal(signal.SIGKILL)
        process.wait()

    def rule(action, form):
        if action.startswith(("Describe", "List")):
            return None
        seen.append(action)
        return stop if len(seen) == number else None
    gate.rule = rule
    with open(sandbox.directory / "killed.log", "wb") as log:
        process = subprocess.Popen(arguments(sandbox, plan, *more, endpoint=gate.url), env=environment(sandbox),
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process.wait(60 * tool.SLOW)
    gate.rule = lambda action, form: None
    assert process.returncode == -signal.SIGKILL, (sandbox.directory / "killed.log").read_text()
    return seen


CALLS = 7  # of with_users
KILLS = [(n, answered) for n in range(1, CALLS + 1) for answered in (False, True)
         if os.environ.get("HANDOVER_SOAK") or answered == (n % 2 == 1)]


@pytest.mark.parametrize("number, answered", KILLS, ids=[f"{'answer' if a else 'call'}-{n}-lost" for n, a in KILLS])
def test_a_run_that_was_killed_at_any_call_is_gone_on_with(sandbox, number, answered):
    plan = with_users(f"kill-{number}-{int(answered)}")
    before = there(sandbox)
    with Gate(sandbox) as gate:
        kill_at(sandbox, gate, plan, number, answered)
        resumed = provision(sandbox, plan, endpoint=gate.url)
        assert resumed.returncode == tool.FINDINGS, resumed.stderr
        code, rows, again = checked(sandbox, plan, endpoint=gate.url)
        assert code == 0 and "everything is as planned" in again.stderr, again.stdout + again.stderr
        kill_at(sandbox, gate, plan, 1 + number % 6, answered, "--destroy", "--yes")
        gone = provision(sandbox, plan, "--destroy", "--yes", endpoint=gate.url)
        assert gone.returncode == 0, gone.stderr
    assert there(sandbox) == before


REFUSALS = [
    ("CreateReplicationGroup", 400, "InsufficientCacheClusterCapacity", ["no such nodes free", "subnets of other zones"]),
    ("CreateReplicationGroup", 400, "NodeQuotaForCustomerExceeded", ["Service Quotas"]),
    ("CreateCacheSubnetGroup", 400, "InvalidSubnet", ["'subnets' in the plan"]),
    ("CreateUser", 403, "AccessDenied", ["elasticache:CreateUser", "docs/provision.md"]),
    ("DescribeUserGroups", 403, "AccessDenied", ["elasticache:DescribeUserGroups"]),
    ("ListTagsForResource", 403, "AccessDenied", ["elasticache:ListTagsForResource"]),
    ("CreateUserGroup", 400, "UserGroupQuotaExceeded", ["user groups"]),
    ("CreateReplicationGroup", 400, "InvalidVPCNetworkStateFault", ["no free address"]),
]


@pytest.mark.parametrize("action, status, code, words", REFUSALS, ids=[f"{r[0]}-{r[2]}" for r in REFUSALS])
def test_a_refusal_of_aws_says_what_to_do_and_the_next_run_goes_on(sandbox, action, status, code, words):
    plan = with_users("refused")
    with Gate(sandbox) as gate:
        gate.rule = lambda name, form: (status, code, "no") if name == action else None
        done = provision(sandbox, plan, endpoint=gate.url)
        assert done.returncode == tool.AWS and code in done.stderr, done.stderr
        for word in words:
            assert word in done.stderr
        gate.rule = lambda name, form: None
        gone = provision(sandbox, plan, "--destroy", "--yes", endpoint=gate.url)
        assert gone.returncode == 0, gone.stderr
    assert "refused" not in there(sandbox)["groups"] | there(sandbox)["user groups"]


def test_a_deadline_and_a_signal_end_it_so_that_it_can_go_on():
    with Sandbox(compress="30") as slow:  # a group takes 12 s
        plan = small("slow")
        late = provision(slow, plan, "--timeout", "1s")
        assert late.returncode == tool.INTERRUPTED and "is still creating" in late.stderr and "again" in late.stderr
        process = subprocess.Popen(arguments(slow, plan), env=environment(slow), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert "creating" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(30 * tool.SLOW) == tool.INTERRUPTED and "goes on with what is there" in said


# -- without AWS ---------------------------------------------------------------------------------


def printed(tmp_path, plan, form):
    path = tmp_path / "plan.yml"
    path.write_text(yaml.safe_dump(plan))
    done = tool.handover("provision", "--plan", path, "--as", form, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def test_the_printed_commands_make_the_same_with_the_aws_cli(sandbox, tmp_path, monkeypatch, capfd):
    plan = with_users("printed")
    script = printed(tmp_path, plan, "cli")
    assert '--passwords "$APP_PASSWORD"' in script
    for name, value in SECRETS.items():
        script = script.replace(f'"${name}"', value)
    for name, value in environment(sandbox).items():
        monkeypatch.setenv(name, value)
    for command in script.replace("\\\n", "").split("\n\n")[1:]:
        words = shlex.split(command)
        assert words[:2] == ["aws", "elasticache"]
        if "--transit-encryption-mode" in words:  # Debian's CLI is older than it; this is its default
            at = words.index("--transit-encryption-mode")
            del words[at:at + 2]
        code = create_clidriver().main([*words[1:], "--endpoint-url", sandbox.status()["endpoint"]])
        assert code == 0, (command, capfd.readouterr().err)
    code, rows, again = checked(sandbox, plan)
    assert code == 0 and "everything is as planned" in again.stderr, again.stdout + again.stderr


SOURCES = sorted(one.parent.name for one in (ROOT / "tests" / "golden" / "audit").glob("*/redis.conf")
                 if (one.parent / "info.txt").exists())


@pytest.mark.parametrize("target, names", [("valkey8.1", SOURCES), ("redis6.2", ["tls-acl", "cluster-six"])],
                         ids=["valkey8.1", "redis6.2"])
def test_the_draft_of_an_audit_is_a_plan(tmp_path, target, names):
    for name in names:
        source, draft = ROOT / "tests" / "golden" / "audit" / name, tmp_path / f"{name}.yml"
        done = tool.handover("audit", "--conf", source / "redis.conf", "--info", source / "info.txt", "--target", target,
                             "--plan", draft)
        assert done.returncode in (tool.DONE, tool.FINDINGS), (name, done.stderr)
        shown = tool.handover("provision", "--plan", draft, "--as", "cli")
        assert shown.returncode == 0, (name, shown.stderr, draft.read_text())
        if name == "tls-acl":
            assert "users:" in draft.read_text() and "env:USER_" in draft.read_text()
    again = tool.handover("audit", "--conf", source / "redis.conf", "--target", target, "--plan", draft)
    assert again.returncode == tool.USAGE and "a new file only" in again.stderr
    none = tool.handover("audit", "--conf", source / "redis.conf", "--target", "serverless", "--plan", tmp_path / "none.yml")
    assert none.returncode == tool.USAGE and not (tmp_path / "none.yml").exists()


def draft_of(source, tmp_path, name, target="valkey8.0", user=None):
    path = tmp_path / f"{name}.yml"
    url = source.url.replace("//", f"//{user}@") if user else source.url
    done = tool.handover("audit", "--source", url, "--target", target, "--plan", path, "--quiet",
                         env={"HANDOVER_SOURCE_PASSWORD": source.password or ""})
    assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
    shown = tool.handover("provision", "--plan", path, "--as", "cli")
    assert shown.returncode == 0, (shown.stderr, path.read_text())
    return path.read_text(), yaml.safe_load(path.read_text())


def test_a_draft_says_what_it_leaves_out_and_what_the_move_needs(server, tmp_path):
    open_one = server("redis-7.0", options={"maxmemory-policy": "allkeys-lru", "maxmemory": "300mb"})
    text, plan = draft_of(open_one, tmp_path, "open")
    assert "holds 1 MiB and may hold 300 MiB;" in text or "holds less than 1 MiB and may hold 300 MiB;" in text
    assert plan["parameter-group"]["parameters"]["maxmemory-policy"] == "noeviction" and "source has allkeys-lru" in text
    assert "auth-token" not in plan["replication-group"] and "the source asks for no password" in text
    secret = "auditor-password-01"
    open_one.client().execute_command("ACL", "SETUSER", "auditor", "on", f">{secret}", "~*", "+@all")
    open_one.client().execute_command("ACL", "SETUSER", "app", "on", ">app-password-0123456", "~cart:*", "+@all")
    open_one.password = secret
    text, plan = draft_of(open_one, tmp_path, "users", user="auditor")
    assert [user["name"] for user in plan["users"]] == ["app"], text
    assert "# left out: 'default', which needs no password" in text
    assert "# left out: 'auditor', as whom this audit logged in" in text
    open_one.password = None
    _, plan = draft_of(open_one, tmp_path, "redis", target="redis7.1")  # a user group there needs default
    assert {user["name"] for user in plan["users"]} == {"default", "auditor", "app"}
    closed = server("redis-7.0", password="a-password-0123456789")
    text, plan = draft_of(closed, tmp_path, "closed")
    assert plan["replication-group"]["auth-token"] == "env:CACHE_TOKEN" and "left out" not in text
    assert "and has no limit;" in text and plan["parameter-group"]["parameters"]["maxmemory-policy"] == "noeviction"


# The template reference of CloudFormation, AWS::ElastiCache::*
PROPERTIES = {
    "AWS::ElastiCache::ParameterGroup": {"CacheParameterGroupFamily", "Description", "Properties", "Tags"},
    "AWS::ElastiCache::SubnetGroup": {"CacheSubnetGroupName", "Description", "SubnetIds", "Tags"},
    "AWS::ElastiCache::User": {"AccessString", "AuthenticationMode", "Engine", "NoPasswordRequired", "Passwords", "Tags",
                               "UserId", "UserName"},
    "AWS::ElastiCache::UserGroup": {"Engine", "Tags", "UserGroupId", "UserIds"},
    "AWS::ElastiCache::ReplicationGroup": {
        "AtRestEncryptionEnabled", "AuthToken", "AutoMinorVersionUpgrade", "AutomaticFailoverEnabled", "CacheNodeType",
        "CacheParameterGroupName", "CacheSubnetGroupName", "Engine", "EngineVersion", "MultiAZEnabled", "NumCacheClusters",
        "Port", "PreferredMaintenanceWindow", "ReplicationGroupDescription", "ReplicationGroupId", "SecurityGroupIds",
        "SnapshotRetentionLimit", "SnapshotWindow", "Tags", "TransitEncryptionEnabled", "TransitEncryptionMode",
        "UserGroupIds"},
}


class Template(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


Template.add_multi_constructor("!", lambda loader, suffix, node: {suffix: loader.construct_scalar(node)})


def test_the_template_has_only_properties_and_references_that_are_there(tmp_path):
    plan = with_users("stack")
    plan["users"].append({"name": "robot", "access": "on ~* +@all", "iam": True})
    plan["replication-group"]["security-groups"] = ["sg-1", "sg-2"]
    template = yaml.load(printed(tmp_path, plan, "cloudformation"), Template)
    names = set(template["Resources"]) | set(template["Parameters"])
    for name, resource in template["Resources"].items():
        assert set(resource["Properties"]) <= PROPERTIES[resource["Type"]], name
        for key, value in resource["Properties"].items():
            for one in value if isinstance(value, list) else [value]:
                assert not isinstance(one, dict) or "Ref" not in one or one["Ref"] in names, (name, key)
    assert template["Resources"]["ParameterGroup"]["Properties"]["Properties"] == {
        "maxmemory-policy": "noeviction", "slowlog-max-len": "256"}
    group = template["Resources"]["ReplicationGroup"]["Properties"]
    assert group["CacheParameterGroupName"] == {"Ref": "ParameterGroup"} and group["NumCacheClusters"] == 2
    assert group["SecurityGroupIds"] == ["sg-1", "sg-2"] and group["MultiAZEnabled"] is True
    assert template["Resources"]["User3"]["Properties"]["AuthenticationMode"] == {"Type": "iam"}
    assert template["Resources"]["User1"]["Properties"]["AuthenticationMode"]["Passwords"] == [{"Ref": "User1Password1"}]
    assert all(one["NoEcho"] for one in template["Parameters"].values())
    assert "handover:plan" not in str(template)  # what a stack made, only the stack deletes
