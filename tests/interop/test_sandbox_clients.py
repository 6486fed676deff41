"""Other people's clients and another S3 against the sandbox: AWS's SDK for JavaScript, and moto as a second witness.

Installed by tests/interop/install.sh sdk moto; what is not there is not collected.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE))

from sandboxes import ClientError, Config, Sandbox, Session  # noqa: E402
from servers import ROOT  # noqa: E402

STORE = ROOT / ".cache" / "interop"
PART = 5 << 20


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


@pytest.mark.skipif(not (STORE / "sdk").is_dir(), reason="the AWS SDK for JavaScript is not installed")
def test_the_sdk_for_javascript_sees_s3_and_snapshots(sandbox):
    sandbox.create("cart", replicas=0)
    status = sandbox.status()
    script = shutil.copy(HERE / "clients" / "sandbox.mjs", STORE / "sdk" / "sandbox.mjs")
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("AWS_")}
    done = subprocess.run(["node", script], capture_output=True, text=True, timeout=180, env={
        **clean, "AWS_ENDPOINT_URL": status["endpoint"], "AWS_REGION": status["region"], "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": status["credentials"]["access_key_id"], "GROUP": "cart",
        "AWS_SECRET_ACCESS_KEY": status["credentials"]["secret_access_key"]})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "text": "text", "head": {"k": "v"}, "CRC32": True, "CRC32C": True, "CRC64NVME": True, "SHA1": True, "SHA256": True,
        "large": True, "range": True, "keys": ["a b/ü+%", "large", "stream"], "missing": "NoSuchKey 404",
        "acl": "AccessControlListNotSupported 400", "full": "BucketNotEmpty 409", "left": 0, "snapshot": "1 MB",
        "unknown": "SnapshotNotFoundFault 404", "bucket": "InvalidParameterValueException 400"}


# -- the second witness --------------------------------------------------------------------------

WHAT = ("ETag", "ContentLength", "ContentType", "ContentRange", "Metadata", "KeyCount", "IsTruncated", "MaxKeys",
        "Delimiter", "NextMarker", "LocationConstraint", "Quiet", "PartNumber")


def told(call):
    """What a call answers, without what differs by nature: times, ids, owners."""
    try:
        got = call()
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
    plain = {key: got[key] for key in WHAT if key in got}
    for key, item in (("Contents", "Key"), ("CommonPrefixes", "Prefix"), ("Deleted", "Key"), ("Parts", "PartNumber")):
        if key in got:
            plain[key] = [one[item] for one in got[key]]
    if "Body" in got:
        plain["Body"] = got["Body"].read()
    return got["ResponseMetadata"]["HTTPStatusCode"], plain


def story(s3):
    """The same calls for both: a list of (name, answer)."""
    heard = []

    def say(operation, **more):
        heard.append((operation, {k: v for k, v in more.items() if k != "Body"}, told(lambda: getattr(s3, operation)(**more))))
    name = {"Bucket": "witness"}
    say("head_bucket", **name)
    say("create_bucket", **name)
    say("get_bucket_location", **name)
    for key in ("a/1", "a/2", "b/1", "b-/1", "top", "ü/é", "sp ace+plus"):
        say("put_object", **name, Key=key, Body=key.encode(), ContentType="text/x", Metadata={"m": "1"})
    for more in ({}, {"Range": "bytes=1-1"}, {"Range": "bytes=-2"}, {"Range": "bytes=9-"}, {"IfMatch": '"0"'}):
        say("get_object", **name, Key="top", **more)
    say("head_object", **name, Key="sp ace+plus")
    say("get_object", **name, Key="none")
    say("get_object", Bucket="none-such", Key="none")
    for more in ({}, {"Prefix": "a/"}, {"Delimiter": "/"}, {"Prefix": "b", "Delimiter": "/"}, {"MaxKeys": 2}, {"StartAfter": "b/1"}):
        say("list_objects_v2", **name, **more)
    # moto tells no Prefix in version 1, and counts no common prefixes there.
    for more in ({}, {"Delimiter": "/"}, {"Marker": "b/1"}):
        say("list_objects", **name, **more)
    say("copy_object", **name, Key="copy", CopySource="witness/top")
    say("get_object", **name, Key="copy")
    upload = s3.create_multipart_upload(**name, Key="large")["UploadId"]
    parts = [s3.upload_part(**name, Key="large", UploadId=upload, PartNumber=n, Body=bytes([n]) * PART)["ETag"] for n in (1, 2)]
    say("list_parts", **name, Key="large", UploadId=upload)
    say("complete_multipart_upload", **name, Key="large", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(parts)]})
    say("head_object", **name, Key="large")
    say("delete_bucket", **name)
    say("delete_objects", **name, Delete={"Objects": [{"Key": k} for k in ("a/1", "a/2", "none")]})
    return [(operation, {k: v for k, v in more.items() if k not in ("UploadId", "MultipartUpload")}, answer)
            for operation, more, answer in heard]


@pytest.mark.skipif(not (STORE / "moto").is_dir(), reason="moto is not installed")
def test_moto_answers_the_same(sandbox, tmp_path):
    from servers import end_group, wait_until
    from test_aws import READY_S, Moto
    moto = Moto(tmp_path)
    try:
        wait_until(moto.ready, READY_S, "moto answers", every_s=0.2)
        moto.user()
        other = Session().create_client("s3", region_name="us-east-1", endpoint_url=moto.url, config=Config(retries={"max_attempts": 1}),
                                        aws_access_key_id=moto.env["AWS_ACCESS_KEY_ID"],
                                        aws_secret_access_key=moto.env["AWS_SECRET_ACCESS_KEY"])
        different = [(ours, theirs) for ours, theirs in zip(story(sandbox.client("s3")), story(other)) if ours != theirs]
        assert not different, "\n".join(f"{ours}\n  moto: {theirs[2]}" for ours, theirs in different)
    finally:
        end_group(moto.process)
        moto.log.close()
