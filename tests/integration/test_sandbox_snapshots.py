"""Snapshots of the sandbox are what its engines had; they can be copied, exported, restored and seeded from S3."""

import contextlib
import os
import subprocess

import pytest

from sandboxes import Sandbox, refused
from servers import wait_until
from tool import BIN, SLOW

READER = "540804c33a284a299d2547575ce1010f2312ef3da9b3a053c8bc45bf233e4353"  # ElastiCache's canonical id
WAIT_S = 30 * SLOW


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        api = one.create("source", replicas=1)
        with one.redis("source", single_connection_client=True) as source:  # WAIT is of the connection that wrote
            source.mset({f"key:{i}": f"value {i}" for i in range(1000)})
            assert source.wait(1, 4000) == 1
        s3 = one.client("s3")
        s3.create_bucket(Bucket="seeds", ObjectOwnership="BucketOwnerPreferred")
        api.create_snapshot(ReplicationGroupId="source", SnapshotName="Base", Tags=[{"Key": "team", "Value": "a"}])
        snapshot_is(one, "base")
        yield one


def snapshot(one, name):
    return one.client().describe_snapshots(SnapshotName=name)["Snapshots"][0]


def snapshot_is(one, name, status="available"):
    wait_until(lambda: snapshot(one, name)["SnapshotStatus"] == status, WAIT_S, lambda: f"{name} {status}\n{one.log()}", every_s=0.05)


def events(one, *words):
    return [e["Message"] for e in one.client().describe_events(Duration=60)["Events"] if all(w in e["Message"] for w in words)]


def group(name, **more):
    return {"ReplicationGroupId": name, "ReplicationGroupDescription": "restored", **more}


# -- snapshots -----------------------------------------------------------------------------------


def test_a_snapshot_says_what_it_was_taken_from(sandbox):
    api = sandbox.client()
    one = snapshot(sandbox, "base")
    assert one["ReplicationGroupId"] == "source" and one["SnapshotSource"] == "manual" and one["Engine"] == "valkey"
    assert one["CacheNodeType"] == "cache.t4g.small" and one["AutomaticFailover"] == "enabled" and one["NumNodeGroups"] == 1
    node, = one["NodeSnapshots"]
    assert node["CacheClusterId"] == "source-002" and node["CacheSize"] == "1 MB" and node["SnapshotCreateTime"]
    shards = api.describe_snapshots(SnapshotName="base", ShowNodeGroupConfig=True)["Snapshots"][0]["NodeSnapshots"][0]
    assert shards["NodeGroupConfiguration"]["ReplicaCount"] == 1
    assert api.list_tags_for_resource(ResourceName=one["ARN"])["TagList"] == [{"Key": "team", "Value": "a"}]
    assert events(sandbox, "Snapshot succeeded", "'base'", "'source-002'")
    assert sandbox.group("source")["Status"] == "available"


def test_a_snapshot_is_made_while_the_group_says_so(sandbox):
    with Sandbox() as slow:
        slow.create("slow", replicas=0)
        slow.stop()
        slow.compress = "40"  # a snapshot takes 3 s
        slow.start()
        api = slow.client()
        made = api.create_snapshot(CacheClusterId="slow-001", SnapshotName="of-node")["Snapshot"]
        assert made["SnapshotStatus"] == "creating" and made["CacheClusterId"] == "slow-001"
        assert slow.group("slow")["Status"] == "snapshotting"
        node = api.describe_cache_clusters(CacheClusterId="slow-001")["CacheClusters"][0]
        assert node["CacheClusterStatus"] == "snapshotting"
        refused(lambda: api.create_snapshot(ReplicationGroupId="slow", SnapshotName="x"), "InvalidReplicationGroupState")
        refused(lambda: api.create_snapshot(CacheClusterId="slow-001", SnapshotName="x"), "InvalidCacheClusterState")
        refused(lambda: api.copy_snapshot(SourceSnapshotName="of-node", TargetSnapshotName="x"), "InvalidSnapshotState")
        refused(lambda: api.delete_snapshot(SnapshotName="of-node"), "InvalidSnapshotState")
        slow.kill()  # in the middle: the snapshot comes to its end after the next start
        slow.start()
        snapshot_is(slow, "of-node")
        slow.wait("slow")


def test_a_last_snapshot_is_made_though_the_sandbox_is_killed_meanwhile():
    with Sandbox(compress="200") as sandbox:
        api = sandbox.create("ends", replicas=0)
        sandbox.redis("ends").set("a", "b")
        api.delete_replication_group(ReplicationGroupId="ends", FinalSnapshotIdentifier="last")
        sandbox.kill()
        sandbox.start()
        snapshot_is(sandbox, "last")
        wait_until(lambda: not sandbox.client().describe_replication_groups()["ReplicationGroups"], WAIT_S, sandbox.log)
        assert sandbox.engines() == []


def test_wrong_calls_get_the_faults_of_the_model(sandbox):
    api = sandbox.client()
    refused(lambda: api.create_snapshot(SnapshotName="x"), "InvalidParameterCombination")
    refused(lambda: api.create_snapshot(SnapshotName="x", ReplicationGroupId="source", CacheClusterId="source-001"),
            "InvalidParameterCombination")
    refused(lambda: api.create_snapshot(SnapshotName="base", ReplicationGroupId="source"), "SnapshotAlreadyExistsFault")
    refused(lambda: api.create_snapshot(SnapshotName="x", ReplicationGroupId="none"), "ReplicationGroupNotFoundFault")
    refused(lambda: api.create_snapshot(SnapshotName="x", CacheClusterId="none"), "CacheClusterNotFound")
    refused(lambda: api.create_snapshot(SnapshotName="1x", ReplicationGroupId="source"), "InvalidParameterValue")
    refused(lambda: api.create_snapshot(SnapshotName="x", ReplicationGroupId="source", KmsKeyId="k"), "NotImplemented", "KmsKeyId")
    refused(lambda: api.describe_snapshots(SnapshotName="none"), "SnapshotNotFoundFault")
    refused(lambda: api.describe_snapshots(CacheClusterId="none"), "CacheClusterNotFound")
    refused(lambda: api.describe_snapshots(MaxRecords=51), "InvalidParameterValue")
    refused(lambda: api.delete_snapshot(SnapshotName="none"), "SnapshotNotFoundFault")
    refused(lambda: api.copy_snapshot(SourceSnapshotName="none", TargetSnapshotName="x"), "SnapshotNotFoundFault")
    refused(lambda: api.copy_snapshot(SourceSnapshotName="base", TargetSnapshotName="base"), "SnapshotAlreadyExistsFault")


def test_snapshots_are_copied_listed_in_pages_and_deleted(sandbox):
    api = sandbox.client()
    names = [f"copy-{i:02}" for i in range(25)]
    for name in names:
        api.copy_snapshot(SourceSnapshotName="base", TargetSnapshotName=name)
    snapshot_is(sandbox, names[-1])
    pages = list(api.get_paginator("describe_snapshots").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["Snapshots"]) for page in pages] == [20, 6]
    assert len(api.describe_snapshots(ReplicationGroupId="source", SnapshotSource="user")["Snapshots"]) == 26
    assert api.describe_snapshots(SnapshotSource="system")["Snapshots"] == []
    assert api.describe_snapshots(ReplicationGroupId="other")["Snapshots"] == []
    for name in names:
        assert api.delete_snapshot(SnapshotName=name)["Snapshot"]["SnapshotStatus"] == "deleting"
    wait_until(lambda: len(api.describe_snapshots()["Snapshots"]) == 1, WAIT_S, "the copies are gone")
    assert [path.name for path in (sandbox.workdir / "snapshots").iterdir()] == ["base.rdb"]


def test_a_group_is_restored_with_its_data_by_the_aws_cli(sandbox):
    made = sandbox.aws("create-replication-group", "--replication-group-id", "restored", "--replication-group-description", "d",
                       "--snapshot-name", "base", "--num-cache-clusters", "2", "--automatic-failover-enabled")
    assert made.returncode == 0, made.stderr
    sandbox.wait("restored")
    assert sandbox.redis("restored").dbsize() == 1000 and sandbox.redis("restored").get("key:7") == "value 7"
    node = sandbox.client().describe_cache_clusters(CacheClusterId="restored-001")["CacheClusters"][0]
    assert (node["CacheNodeType"], node["Engine"], node["EngineVersion"][:4]) == ("cache.t4g.small", "valkey", "8.0.")
    replica = next(n for n in sandbox.cluster("restored")["nodes"] if n["role"] == "replica")
    wait_until(lambda: sandbox.redis("restored", replica["address"]).dbsize() == 1000, WAIT_S, "the replica has it too")
    api = sandbox.client()
    refused(lambda: api.create_replication_group(**group("x", SnapshotName="none")), "SnapshotNotFoundFault")
    refused(lambda: api.create_replication_group(**group("x", SnapshotName="base", Engine="redis")), "InvalidParameterCombination")
    refused(lambda: api.create_replication_group(**group("x", SnapshotName="base", EngineVersion="7.2")), "InvalidParameterCombination")
    # Deleted with a last snapshot, which has what was written meanwhile.
    with sandbox.redis("restored", single_connection_client=True) as restored:
        restored.set("late", "1")
        assert restored.wait(1, 4000) == 1
    refused(lambda: api.delete_replication_group(ReplicationGroupId="restored", FinalSnapshotIdentifier="base"),
            "SnapshotAlreadyExistsFault")
    api.delete_replication_group(ReplicationGroupId="restored", FinalSnapshotIdentifier="last")
    wait_until(lambda: "restored" not in [g["ReplicationGroupId"] for g in api.describe_replication_groups()["ReplicationGroups"]],
               WAIT_S, lambda: sandbox.log())
    assert snapshot(sandbox, "last")["SnapshotStatus"] == "available"
    api.create_replication_group(**group("again", SnapshotName="last"))
    sandbox.wait("again")
    assert sandbox.redis("again").dbsize() == 1001
    # A reboot empties a node, whatever it was restored from.
    api.reboot_cache_cluster(CacheClusterId="again-001", CacheNodeIdsToReboot=["0001"])
    sandbox.wait("again")
    assert sandbox.redis("again").dbsize() == 0
    api.delete_snapshot(SnapshotName="last")


# -- S3 ------------------------------------------------------------------------------------------


def rights(*names):
    return {f"Grant{name}": f"id={READER}" for name in names}


def test_an_export_needs_its_grants_and_can_be_read_by_everybody(sandbox, tmp_path):
    api, s3 = sandbox.client(), sandbox.client("s3")

    def export(bucket="seeds", name="out"):
        return api.copy_snapshot(SourceSnapshotName="base", TargetSnapshotName=name, TargetBucket=bucket)
    refused(lambda: export("no-such-bucket"), "InvalidParameterValue", "The S3 bucket no-such-bucket does not exist.")
    for missing, have in (("READ", ["Write", "ReadACP"]), ("WRITE", ["Read", "ReadACP"]), ("READ_ACP", ["Read", "Write"])):
        s3.put_bucket_acl(Bucket="seeds", **rights(*have))
        refused(export, "InvalidParameterValue", f"ElastiCache has not been granted {missing} permissions")
    s3.put_bucket_acl(Bucket="seeds", **rights("Read", "Write", "ReadACP"))
    export()
    snapshot_is(sandbox, "base")
    path = tmp_path / "out.rdb"
    path.write_bytes(s3.get_object(Bucket="seeds", Key="out-0001.rdb")["Body"].read())
    refused(export, "InvalidParameterValue", "The S3 bucket seeds already contains an object with key out-0001.rdb.")
    info = subprocess.run([BIN, "rdb", "info", path], capture_output=True, text=True, timeout=30 * SLOW)
    assert info.returncode == 0 and "1,000" in info.stdout.replace("1000", "1,000"), info.stdout + info.stderr
    assert events(sandbox, "base was exported to bucket seeds")


def opened(fifo):
    """For writing, once somebody reads; None before."""
    with contextlib.suppress(OSError):
        fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(fd, True)
        return os.fdopen(fd, "wb")
    return None


def test_a_copy_that_takes_long_holds_nobody_up(sandbox):
    """The snapshot's file is a pipe: its export ends when the test wants it."""
    api, s3, content = sandbox.client(), sandbox.client("s3"), seed_file(sandbox)
    s3.put_bucket_acl(Bucket="seeds", **rights("Read", "Write", "ReadACP"))
    api.copy_snapshot(SourceSnapshotName="base", TargetSnapshotName="long")
    snapshot_is(sandbox, "long")
    fifo = sandbox.workdir / "snapshots" / "long.rdb"
    fifo.unlink()
    os.mkfifo(fifo)
    api.copy_snapshot(SourceSnapshotName="long", TargetSnapshotName="slow", TargetBucket="seeds")
    with wait_until(lambda: opened(fifo), WAIT_S, sandbox.log) as writer:
        writer.write(content[:100])
        writer.flush()
        sandbox.create("meanwhile", replicas=0)  # a task of another group, from its beginning to its end
        assert snapshot(sandbox, "long")["SnapshotStatus"] == "exporting"
        writer.write(content[100:])
    snapshot_is(sandbox, "long")
    assert s3.get_object(Bucket="seeds", Key="slow-0001.rdb")["Body"].read() == content


def seed_file(sandbox):
    return (sandbox.workdir / "snapshots" / "base.rdb").read_bytes()


def test_a_seed_from_s3_needs_its_grants(sandbox):
    api, s3 = sandbox.client(), sandbox.client("s3")

    def seed(arn="arn:aws:s3:::seeds/folder/seed.rdb", **more):
        return api.create_replication_group(**group("seeded", Engine="valkey", EngineVersion="8.0", SnapshotArns=[arn], **more))
    for arn, words in (("arn:aws:s3:::seeds", "form"), ("seeds/x", "form"), ("arn:aws:s3:::none-here/x", "bucket does not exist"),
                       ("arn:aws:s3:::seeds/none", "object does not exist"), ("arn:aws:s3:::seeds/a,b", "comma"),
                       ("arn:aws:s3:::Seeds/x", "no name of an S3 bucket")):
        refused(lambda arn=arn: seed(arn), "InvalidParameterValue", words)
    s3.put_object(Bucket="seeds", Key="folder/seed.rdb", Body=seed_file(sandbox))
    refused(seed, "InvalidParameterValue", "has not been granted READ and READ_ACP", READER)
    s3.put_object_acl(Bucket="seeds", Key="folder/seed.rdb", **rights("Read"))
    refused(seed, "InvalidParameterValue", "has not been granted")
    s3.put_object(Bucket="seeds", Key="folder/seed.rdb", Body=seed_file(sandbox), ServerSideEncryption="aws:kms",
                  **rights("Read", "ReadACP"))
    refused(seed, "InvalidParameterValue", "encrypted")
    s3.put_object(Bucket="seeds", Key="folder/seed.rdb", Body=seed_file(sandbox), **rights("Read", "ReadACP"))
    refused(lambda: seed(SnapshotName="base"), "InvalidParameterCombination")
    seed(TransitEncryptionEnabled=True, AuthToken="first-token-0123456", NumCacheClusters=2)
    sandbox.wait("seeded")
    assert sandbox.redis("seeded", password="first-token-0123456").dbsize() == 1000
    s3.create_bucket(Bucket="no-lists")
    s3.put_object(Bucket="no-lists", Key="seed.rdb", Body=seed_file(sandbox))
    refused(lambda: seed("arn:aws:s3:::no-lists/seed.rdb"), "ReplicationGroupAlreadyExists")


def test_a_file_that_no_engine_reads_fails_with_its_reason(sandbox):
    api, s3 = sandbox.client(), sandbox.client("s3")
    whole = seed_file(sandbox)
    for name, body, reason in (("garbage", b"this is no dump file", "Wrong signature"),
                               ("newer", b"REDIS9999" + whole[9:], "RDB format version 9999"),
                               ("cut", whole[:len(whole) // 2], "Short read")):
        s3.put_object(Bucket="seeds", Key=name, Body=body, **rights("Read", "ReadACP"))
        api.create_replication_group(**group(name, Engine="valkey", EngineVersion="8.0", NumCacheClusters=2,
                                             SnapshotArns=[f"arn:aws:s3:::seeds/{name}"]))
        wait_until(lambda name=name: sandbox.group(name)["Status"] == "create-failed", WAIT_S, lambda: sandbox.log())
        assert events(sandbox, "Failed to restore", f"{name}-001", reason), events(sandbox, name)
        nodes = api.describe_cache_clusters()["CacheClusters"]
        assert {n["CacheClusterStatus"] for n in nodes if n["ReplicationGroupId"] == name} == {"restore-failed"}
        api.delete_replication_group(ReplicationGroupId=name)
