"""A cache of ElastiCache named by its id: found through AWS's API once, then known to the work directory."""

import json

import pytest

import tool
from fill import fill
from sandbox_process import Cache
from sandboxes import Sandbox

TOKEN = "first-token-0123456"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(options=("--endpoints", "addresses")) as one:
        yield one


@pytest.fixture(scope="module")
def secured(sandbox):
    """A cache with TLS and an AUTH token, that evicts nothing."""
    api = sandbox.client()
    api.create_cache_parameter_group(CacheParameterGroupName="kept", CacheParameterGroupFamily="valkey8", Description="d")
    api.modify_cache_parameter_group(CacheParameterGroupName="kept", ParameterNameValues=[
        {"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}])
    sandbox.create("Secured", TransitEncryptionEnabled=True, AuthToken=TOKEN, CacheParameterGroupName="kept")
    return sandbox


def aws(sandbox, **more):
    return {**sandbox.aws_environment(), **more}


def reach(sandbox, target, *options, env=None, **more):
    return tool.handover("audit", "network", "--target", target, *options, env={**aws(sandbox, **more), **(env or {})})


def test_a_cache_is_reached_by_its_id_with_tls_and_its_name_verified(secured):
    ca = ("--target-ca", secured.status()["ca_file"])
    done = reach(secured, "elasticache://secured", "--json", *ca, HANDOVER_TARGET_PASSWORD=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"rediss://{secured.cluster('secured')['primary']['address']}:6379" in done.stdout
    untrusted = reach(secured, "elasticache://secured")
    assert untrusted.returncode == tool.FINDINGS and "network-tls-untrusted" in untrusted.stdout
    without = reach(secured, "elasticache://secured", *ca)
    assert without.returncode == tool.FINDINGS and "network-auth-missing" in without.stdout


@pytest.mark.parametrize("target, more, code, words", [
    ("elasticache://no-such", {}, tool.AWS, "there is no replication group 'no-such' in us-east-1"),
    ("elasticache://secured:6379", {}, tool.USAGE, "no port"),
    ("elasticache://", {}, tool.USAGE, "elasticache://[user@]ID"),
    ("elasticache://not_an_id", {}, tool.USAGE, "letters, digits and hyphens"),
    ("elasticache://secured", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, tool.AWS, "no AWS credentials"),
    ("elasticache://secured", {"AWS_REGION": ""}, tool.USAGE, "no AWS region"),
    ("elasticache://secured", {"AWS_SECRET_ACCESS_KEY": "wrong"}, tool.AWS, "SignatureDoesNotMatch"),
])
def test_what_stands_between_the_id_and_the_cache_is_told(secured, target, more, code, words):
    done = reach(secured, target, **more)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stderr and "do:" in done.stderr


def test_options_choose_region_profile_and_endpoint(secured, tmp_path):
    keys = secured.status()["credentials"]
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[prod]\naws_access_key_id = {keys['access_key_id']}\n"
                           f"aws_secret_access_key = {keys['secret_access_key']}\n")
    done = reach(secured, "elasticache://nothing", "--region", "us-east-1", "--profile", "prod", "--endpoint-url",
                 secured.status()["endpoint"], AWS_ENDPOINT_URL="", AWS_REGION="", AWS_ACCESS_KEY_ID="",
                 AWS_SECRET_ACCESS_KEY="", AWS_SHARED_CREDENTIALS_FILE=str(credentials))
    assert done.returncode == tool.AWS and "no replication group 'nothing' in us-east-1" in done.stderr


def test_a_cache_that_is_being_made_is_not_available_yet(secured):
    api = secured.client()
    api.create_replication_group(ReplicationGroupId="young", ReplicationGroupDescription="d", Engine="valkey",
                                 EngineVersion="8.0", CacheNodeType="cache.t4g.small")
    done = reach(secured, "elasticache://young")
    assert done.returncode == tool.AWS and "not available: it is 'creating'" in done.stderr
    secured.wait("young")
    assert reach(secured, "elasticache://young").returncode == 0


def test_a_move_goes_into_a_cache_by_its_id_and_goes_on_without_aws(secured, server):
    source = server("redis-7.0")
    fill(source, 3000)
    known = aws(secured)
    nowhere = {**known, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    target = Cache(secured, "secured", TOKEN)
    options = ("--target-ca", secured.status()["ca_file"], "--skip-network")
    with tool.Migration(source, target, options, env=known) as move:
        move.start()
        move.wait_phase("in-sync")
        move.kill()
        move.env = nowhere
        source.client().set("written:between", "yes")
        move.start()
        move.wait_caught_up()
        where = move.status()["target"]
        assert json.dumps(where).find(secured.cluster("secured")["primary"]["address"]) >= 0
        compared = tool.handover("verify", "--workdir", move.workdir, "--target", target.url,
                                 "--target-ca", secured.status()["ca_file"], target=target, env=nowhere)
        assert compared.returncode == 0, compared.stdout + compared.stderr
    assert target.client().get("written:between") == b"yes"
