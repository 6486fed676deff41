"""The sandbox's S3 answers AWS's own clients as S3 does, keeps what it was given, and gives back the same."""

import base64
import concurrent.futures
import hashlib
import http.client
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import zlib

import pytest

from sandboxes import AWSRequest, ClientError, Credentials, Sandbox, SigV4Auth
from servers import ROOT, wait_until
from tool import SLOW

PROBE = ROOT / "build" / "tests" / "unit" / "aws_probe"
MIB = 1 << 20
PART = 5 * MIB
CANONICAL = "540804c33a284a299d2547575ce1010f2312ef3da9b3a053c8bc45bf233e4353"  # of ElastiCache
KEYS = ["plain", "a folder/with blanks + plus", "ünïcode/&=?#%25", "dots/./a//b/../c", "~-_.!*'()", "ends/", "a\x01b", "<x>\"&'"]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        one.client("s3").create_bucket(Bucket="a-bucket")
        yield one


@pytest.fixture(scope="module")
def s3(sandbox):
    return sandbox.client("s3")


def code_of(call):
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def files_of(sandbox):
    return sorted(os.listdir(sandbox.workdir / "s3" / "data"))


# -- buckets -------------------------------------------------------------------------------------


def test_buckets_are_made_listed_and_removed(sandbox, s3):
    assert code_of(lambda: s3.head_bucket(Bucket="no-such"))[0] == 404
    s3.create_bucket(Bucket="b.second-1")
    s3.create_bucket(Bucket="b.second-1")  # one's own, in us-east-1
    s3.head_bucket(Bucket="b.second-1")
    assert {"a-bucket", "b.second-1"} <= {one["Name"] for one in s3.list_buckets()["Buckets"]}
    assert s3.get_bucket_location(Bucket="b.second-1").get("LocationConstraint") is None
    s3.put_object(Bucket="b.second-1", Key="k", Body=b"x")
    assert code_of(lambda: s3.delete_bucket(Bucket="b.second-1")) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket="b.second-1", Key="k")
    s3.create_multipart_upload(Bucket="b.second-1", Key="begun")
    s3.delete_bucket(Bucket="b.second-1")
    assert code_of(lambda: s3.list_objects_v2(Bucket="b.second-1")) == (404, "NoSuchBucket")
    assert code_of(lambda: s3.create_bucket(Bucket="Upper-Case")) == (400, "InvalidBucketName")
    assert code_of(lambda: s3.create_bucket(Bucket="abc", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})) \
        == (400, "InvalidLocationConstraint")


def test_what_it_does_not_have_is_told_by_its_name(sandbox, s3):
    for call in (lambda: s3.put_object(Bucket="a-bucket", Key="k", Body=b"", StorageClass="GLACIER"),
                 lambda: s3.put_bucket_policy(Bucket="a-bucket", Policy="{}"),
                 lambda: s3.put_object(Bucket="a-bucket", Key="k", Body=b"", Tagging="a=b"),
                 lambda: s3.get_object_torrent(Bucket="a-bucket", Key="k")):
        assert code_of(call) == (501, "NotImplemented")


# -- objects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_objects_of_any_name_are_put_read_listed_and_deleted(s3, key):
    body = ("some text of " + key).encode()
    put = s3.put_object(Bucket="a-bucket", Key=key, Body=body, ContentType="text/x", Metadata={"a": "b"})
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket="a-bucket", Key=key)
    assert got["Body"].read() == body and got["ContentType"] == "text/x" and got["Metadata"] == {"a": "b"}
    head = s3.head_object(Bucket="a-bucket", Key=key)
    assert head["ContentLength"] == len(body) and head["ETag"] == put["ETag"] and head["ServerSideEncryption"] == "AES256"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="a-bucket", Prefix=key)["Contents"]] == [key]
    s3.delete_object(Bucket="a-bucket", Key=key)
    s3.delete_object(Bucket="a-bucket", Key=key)
    assert code_of(lambda: s3.get_object(Bucket="a-bucket", Key=key)) == (404, "NoSuchKey")
    assert code_of(lambda: s3.head_object(Bucket="a-bucket", Key=key)) == (404, "404")


def test_parts_of_an_object_are_read_by_range(s3):
    s3.put_object(Bucket="a-bucket", Key="range", Body=b"0123456789")

    def read(text):
        got = s3.get_object(Bucket="a-bucket", Key="range", Range=text)
        return got["ResponseMetadata"]["HTTPStatusCode"], got.get("ContentRange"), got["Body"].read()
    assert read("bytes=2-4") == (206, "bytes 2-4/10", b"234")
    assert read("bytes=7-") == (206, "bytes 7-9/10", b"789")
    assert read("bytes=-3") == (206, "bytes 7-9/10", b"789")
    assert read("bytes=5-99") == (206, "bytes 5-9/10", b"56789")
    assert read("lines=1-2")[0] == 200
    assert code_of(lambda: read("bytes=10-")) == (416, "InvalidRange")


def test_conditions_are_heeded(s3):
    etag = s3.put_object(Bucket="a-bucket", Key="cond", Body=b"x")["ETag"]
    when = s3.head_object(Bucket="a-bucket", Key="cond")["LastModified"]
    assert s3.get_object(Bucket="a-bucket", Key="cond", IfMatch=etag)["Body"].read() == b"x"
    assert code_of(lambda: s3.get_object(Bucket="a-bucket", Key="cond", IfMatch='"0"')) == (412, "PreconditionFailed")
    assert code_of(lambda: s3.get_object(Bucket="a-bucket", Key="cond", IfNoneMatch=etag))[0] == 304
    assert code_of(lambda: s3.get_object(Bucket="a-bucket", Key="cond", IfModifiedSince=when))[0] == 304


def test_lists_have_pages_prefixes_and_delimiters(s3):
    s3.create_bucket(Bucket="lists")
    names = [f"{folder}/{i:02}" for folder in ("a", "b", "b-", "c") for i in range(4)] + ["a", "top", "ü/1"]
    for name in names:
        s3.put_object(Bucket="lists", Key=name, Body=name.encode())
    names.sort(key=str.encode)
    for operation, item in (("list_objects_v2", "Key"), ("list_objects", "Key")):
        for size in (1, 3, 1000):
            pages = s3.get_paginator(operation).paginate(Bucket="lists", PaginationConfig={"PageSize": size})
            assert [one[item] for page in pages for one in page.get("Contents", [])] == names
    for size in (1, 2, 1000):
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="lists", Delimiter="/", PaginationConfig={"PageSize": size}))
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == ["a", "top"]
        assert [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])] == ["a/", "b-/", "b/", "c/", "ü/"]
        pages = s3.get_paginator("list_objects").paginate(Bucket="lists", Delimiter="/", PaginationConfig={"PageSize": size})
        assert [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])] == ["a/", "b-/", "b/", "c/", "ü/"]
    inner = s3.list_objects_v2(Bucket="lists", Prefix="b/", Delimiter="/", StartAfter="b/01")
    assert [one["Key"] for one in inner["Contents"]] == ["b/02", "b/03"] and inner["KeyCount"] == 2
    assert s3.list_objects_v2(Bucket="lists", MaxKeys=0)["KeyCount"] == 0
    gone = s3.delete_objects(Bucket="lists", Delete={"Objects": [{"Key": name} for name in [*names, "never there"]]})
    assert len(gone["Deleted"]) == len(names) + 1
    assert "Contents" not in s3.list_objects_v2(Bucket="lists")


def test_an_object_is_copied_with_or_without_what_is_said_of_it(s3):
    s3.put_object(Bucket="a-bucket", Key="from ü", Body=b"body", Metadata={"a": "1"})
    s3.copy_object(Bucket="a-bucket", Key="to", CopySource={"Bucket": "a-bucket", "Key": "from ü"})
    s3.delete_object(Bucket="a-bucket", Key="from ü")
    got = s3.get_object(Bucket="a-bucket", Key="to")
    assert got["Body"].read() == b"body" and got["Metadata"] == {"a": "1"}
    s3.copy_object(Bucket="a-bucket", Key="to", CopySource="a-bucket/to", MetadataDirective="REPLACE", Metadata={"b": "2"})
    got = s3.get_object(Bucket="a-bucket", Key="to")
    assert got["Body"].read() == b"body" and got["Metadata"] == {"b": "2"}
    assert code_of(lambda: s3.copy_object(Bucket="a-bucket", Key="x", CopySource="a-bucket/none")) == (404, "NoSuchKey")


# -- multipart -----------------------------------------------------------------------------------


def etag_of(parts):
    return f'"{hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()}-{len(parts)}"'


def test_an_upload_in_parts_is_the_whole_and_leaves_nothing_over(sandbox, s3):
    before = files_of(sandbox)
    parts = [os.urandom(PART), os.urandom(PART + 1), b"end"]
    name = {"Bucket": "a-bucket", "Key": "large"}
    upload = s3.create_multipart_upload(**name, Metadata={"m": "1"})["UploadId"]
    sent = [{"PartNumber": n, "ETag": s3.upload_part(**name, UploadId=upload, PartNumber=n, Body=part)["ETag"]}
            for n, part in zip((1, 3, 7), parts)]
    s3.upload_part(**name, UploadId=upload, PartNumber=9, Body=b"not named")
    s3.upload_part(**name, UploadId=upload, PartNumber=7, Body=b"again")
    sent[2]["ETag"] = s3.upload_part(**name, UploadId=upload, PartNumber=7, Body=parts[2])["ETag"]
    assert [one["PartNumber"] for one in s3.list_parts(**name, UploadId=upload)["Parts"]] == [1, 3, 7, 9]
    page = s3.list_parts(**name, UploadId=upload, MaxParts=2)
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 3
    assert [one["Key"] for one in s3.list_multipart_uploads(Bucket="a-bucket")["Uploads"]] == ["large"]

    def complete(*which):
        return s3.complete_multipart_upload(**name, UploadId=upload, MultipartUpload={"Parts": list(which)})
    assert code_of(lambda: complete(sent[1], sent[0])) == (400, "InvalidPartOrder")
    assert code_of(lambda: complete(sent[0], {"PartNumber": 3, "ETag": "wrong"})) == (400, "InvalidPart")
    assert code_of(lambda: complete(sent[2], {"PartNumber": 9, "ETag": hashlib.md5(b"not named").hexdigest()})) == (400, "EntityTooSmall")
    assert code_of(lambda: s3.get_object(**name)) == (404, "NoSuchKey")
    assert complete(*sent)["ETag"] == etag_of(parts)
    whole = b"".join(parts)
    got = s3.get_object(**name)
    assert got["Body"].read() == whole and got["Metadata"] == {"m": "1"} and got["ContentLength"] == len(whole)
    across = s3.get_object(**name, Range=f"bytes={PART - 2}-{2 * PART + 2}")["Body"].read()
    assert across == whole[PART - 2:2 * PART + 3]
    assert code_of(lambda: complete(*sent)) == (404, "NoSuchUpload")
    again = s3.create_multipart_upload(Bucket="a-bucket", Key="by copy")["UploadId"]
    copied = s3.upload_part_copy(Bucket="a-bucket", Key="by copy", UploadId=again, PartNumber=1, CopySource="a-bucket/large",
                                 CopySourceRange=f"bytes=1-{PART + 5}")["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(Bucket="a-bucket", Key="by copy", UploadId=again,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": copied}]})
    assert s3.get_object(Bucket="a-bucket", Key="by copy")["Body"].read() == whole[1:PART + 6]
    dropped = s3.create_multipart_upload(**name)["UploadId"]
    s3.upload_part(**name, UploadId=dropped, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**name, UploadId=dropped)
    assert code_of(lambda: s3.list_parts(**name, UploadId=dropped)) == (404, "NoSuchUpload")
    for key in ("large", "by copy"):
        s3.delete_object(Bucket="a-bucket", Key=key)
    assert files_of(sandbox) == before


def test_the_aws_cli_copies_large_files_both_ways(sandbox, tmp_path):
    large = tmp_path / "large.rdb"
    large.write_bytes(os.urandom(20 * MIB + 17))

    def cli(*arguments):
        done = sandbox.aws(*arguments, service="s3")
        assert done.returncode == 0, done.stderr
        return done.stdout
    sandbox.client("s3").create_bucket(Bucket="by-cli")
    cli("cp", str(large), "s3://by-cli/folder/large.rdb")
    cli("cp", "s3://by-cli/folder/large.rdb", "s3://by-cli/copy.rdb")
    cli("cp", "s3://by-cli/copy.rdb", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert "PRE folder/" in cli("ls", "s3://by-cli/")


def probe(sandbox, *arguments):
    status = sandbox.status()
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("AWS_") and not k.lower().endswith("_proxy")}
    env = {**clean, "HOME": "/nonexistent", "AWS_ENDPOINT_URL": status["endpoint"], "AWS_REGION": status["region"],
           "AWS_EC2_METADATA_DISABLED": "true", "PROBE_MS": "60000",
           "AWS_ACCESS_KEY_ID": status["credentials"]["access_key_id"],
           "AWS_SECRET_ACCESS_KEY": status["credentials"]["secret_access_key"]}
    return subprocess.run([PROBE, *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120 * SLOW)


def test_our_own_client_uploads_in_parts_and_takes_an_upload_up_again(sandbox, s3, tmp_path):
    parts = [os.urandom(PART), os.urandom(PART), os.urandom(77)]
    path = tmp_path / "seed.rdb"
    path.write_bytes(b"".join(parts))
    upload = s3.create_multipart_upload(Bucket="a-bucket", Key="ours")["UploadId"]
    s3.upload_part(Bucket="a-bucket", Key="ours", UploadId=upload, PartNumber=1, Body=parts[0])
    first = s3.list_parts(Bucket="a-bucket", Key="ours", UploadId=upload)["Parts"][0]["LastModified"]
    done = probe(sandbox, "s3", "upload", "a-bucket", "ours", path, PART, upload)
    assert done.returncode == 0, done.stdout + done.stderr
    assert first and s3.head_object(Bucket="a-bucket", Key="ours")["ETag"] == etag_of(parts)
    got = probe(sandbox, "s3", "get", "a-bucket", "ours")
    assert got.returncode == 0 and got.stdout == path.read_bytes()
    assert b"ours: " in probe(sandbox, "s3", "list", "a-bucket", "our").stdout
    assert probe(sandbox, "s3", "delete", "a-bucket", "ours").returncode == 0
    assert b"404" in probe(sandbox, "s3", "head", "a-bucket", "ours").stdout


# -- rights --------------------------------------------------------------------------------------


def test_lists_of_rights_need_a_bucket_that_has_them(s3):
    grant = f"id={CANONICAL}"
    s3.put_object(Bucket="a-bucket", Key="seed", Body=b"x")
    refused = (400, "AccessControlListNotSupported")
    assert code_of(lambda: s3.put_object_acl(Bucket="a-bucket", Key="seed", GrantRead=grant)) == refused
    assert code_of(lambda: s3.put_object(Bucket="a-bucket", Key="seed", Body=b"", ACL="private")) == refused
    assert code_of(lambda: s3.put_bucket_acl(Bucket="a-bucket", GrantRead=grant)) == refused
    s3.put_object(Bucket="a-bucket", Key="seed", Body=b"x", ACL="bucket-owner-full-control")
    rule = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket="a-bucket", OwnershipControls=rule)
    assert s3.get_bucket_ownership_controls(Bucket="a-bucket")["OwnershipControls"] == rule
    s3.put_object_acl(Bucket="a-bucket", Key="seed", GrantRead=grant, GrantReadACP=grant)
    acl = s3.get_object_acl(Bucket="a-bucket", Key="seed")
    assert [(one["Grantee"]["ID"], one["Permission"]) for one in acl["Grants"]] == [(CANONICAL, "READ"), (CANONICAL, "READ_ACP")]
    whole = {"Owner": acl["Owner"], "Grants": [*acl["Grants"], {"Grantee": {"Type": "CanonicalUser", "ID": acl["Owner"]["ID"]},
                                                              "Permission": "FULL_CONTROL"}]}
    s3.put_object_acl(Bucket="a-bucket", Key="seed", AccessControlPolicy=whole)
    assert len(s3.get_object_acl(Bucket="a-bucket", Key="seed")["Grants"]) == 3
    assert code_of(lambda: s3.put_object_acl(Bucket="a-bucket", Key="seed", ACL="public-read")) == (403, "AccessDenied")
    assert code_of(lambda: s3.put_object_acl(Bucket="a-bucket", Key="seed", GrantRead="id=12")) == (400, "InvalidArgument")
    s3.put_bucket_acl(Bucket="a-bucket", GrantRead=grant, GrantWrite=grant, GrantReadACP=grant)
    assert code_of(lambda: s3.put_bucket_ownership_controls(Bucket="a-bucket", OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})) == (400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_acl(Bucket="a-bucket", ACL="private")
    s3.delete_bucket_ownership_controls(Bucket="a-bucket")
    assert code_of(lambda: s3.get_bucket_ownership_controls(Bucket="a-bucket")) == (404, "OwnershipControlsNotFoundError")
    assert code_of(lambda: s3.create_bucket(Bucket="listed", GrantRead=grant)) == (400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_ownership_controls(Bucket="a-bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})


# -- signatures and bodies -----------------------------------------------------------------------


def signed(sandbox, method, path, body=b"", headers=None, payload=None, secret=None):
    """A request signed by botocore with the headers and the payload line given: (status, body). A body
    may be made from the signed head."""
    status = sandbox.status()
    keys = status["credentials"]
    endpoint = urllib.parse.urlsplit(status["endpoint"])
    request = AWSRequest(method=method, url=status["endpoint"] + path, data=b"",
                         headers={**(headers or {}), "X-Amz-Content-SHA256": payload or hashlib.sha256(body).hexdigest()})
    auth = SigV4Auth(Credentials(keys["access_key_id"], secret or keys["secret_access_key"]), "s3", status["region"])
    auth.payload = lambda _: request.headers["X-Amz-Content-SHA256"]
    auth._should_sha256_sign_payload = lambda _: True
    auth._normalize_url_path = lambda path: path
    auth.add_auth(request)
    if callable(body):
        body = body(request, auth)
    connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=30 * SLOW)
    connection.request(method, path, body=body, headers=dict(request.headers.items()))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def chunks(data, size, sign=None, trailers=()):
    """aws-chunked: with signatures when `sign` makes one of (bytes)."""
    out = b""
    pieces = [data[at:at + size] for at in range(0, len(data), size)] + [b""]
    for piece in pieces:
        out += f"{len(piece):x}".encode()
        out += b";chunk-signature=" + sign(piece).encode() if sign else b""
        out += b"\r\n" + piece + (b"\r\n" if piece else b"")
    for name, value in trailers:
        out += f"{name}:{value}\r\n".encode()
    return out + b"\r\n"


def test_an_unsigned_stream_with_a_trailing_checksum_is_taken_and_checked(sandbox, s3):
    data = os.urandom(300_000)
    good = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    for value, status in ((good, 200), ("AAAAAA==", 400)):
        body = chunks(data, 65_536, trailers=[("x-amz-checksum-crc32", value)])
        got = signed(sandbox, "PUT", "/a-bucket/stream", body, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
            "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(data)), "X-Amz-Trailer": "x-amz-checksum-crc32"})
        assert got[0] == status, got[1]
    assert b"<Code>BadDigest</Code>" in got[1]
    head = s3.head_object(Bucket="a-bucket", Key="stream", ChecksumMode="ENABLED")
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-checksum-crc32"] == good
    assert "ContentEncoding" not in head and s3.get_object(Bucket="a-bucket", Key="stream")["Body"].read() == data
    cut = chunks(data, 65_536, trailers=[("x-amz-checksum-crc32", good)])[:-40]
    got = signed(sandbox, "PUT", "/a-bucket/stream", cut, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
        "X-Amz-Decoded-Content-Length": str(len(data)), "X-Amz-Trailer": "x-amz-checksum-crc32"})
    assert got[0] == 400 and b"IncompleteBody" in got[1]


def chunk_signer(request, auth):
    """Signatures of the chunks behind a signed head, each made from the one before."""
    stamp = request.context["timestamp"]
    scope = auth.credential_scope(request)
    before = [request.headers["Authorization"].rsplit("Signature=", 1)[1]]

    def digest(data):
        return hashlib.sha256(data).hexdigest()

    def sign(data, kind="PAYLOAD"):
        middle = [digest(b"")] if kind == "PAYLOAD" else []
        algorithm = "AWS4-HMAC-SHA256-" + kind
        text = "\n".join([algorithm, stamp, scope, before[0], *middle, digest(data)])
        before[0] = auth.signature(text, request)
        return before[0]
    return sign


def test_a_signed_stream_is_checked_chunk_by_chunk_and_to_its_trailers(sandbox, s3):
    data = os.urandom(200_000)
    checksum = base64.b64encode(hashlib.sha1(data).digest()).decode()
    trailer = ("x-amz-checksum-sha1", checksum)
    line = f"{trailer[0]}:{trailer[1]}\n".encode()
    for trails in (False, True):
        for wrong in (None, "chunk", "trailer" if trails else "last"):
            def body_of(request, auth, trails=trails, wrong=wrong):
                sign = chunk_signer(request, auth)
                text = chunks(data, 65_536, sign)
                if trails:
                    text = text[:-2] + line.replace(b"\n", b"\r\n") + b"x-amz-trailer-signature:" + sign(line, "TRAILER").encode() + b"\r\n\r\n"
                at = {None: None, "chunk": 200, "last": -5, "trailer": -5}[wrong]
                if at:
                    flipped = bytearray(text)
                    flipped[at] ^= 1
                    text = bytes(flipped)
                return text
            got = signed(sandbox, "PUT", "/a-bucket/signed", body_of, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + "-TRAILER" * trails, headers={
                "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(data)),
                **({"X-Amz-Trailer": trailer[0]} if trails else {})})
            assert got[0] == (403 if wrong else 200), (trails, wrong, got[1])
            if wrong:
                assert b"SignatureDoesNotMatch" in got[1]
    assert s3.get_object(Bucket="a-bucket", Key="signed")["Body"].read() == data


def test_wrong_signatures_keys_and_bodies_get_the_errors_of_s3(sandbox, s3):
    assert b"<Code>SignatureDoesNotMatch</Code>" in signed(sandbox, "PUT", "/a-bucket/k", b"x", secret="wrong")[1]
    other = signed(sandbox, "PUT", "/a-bucket/k", b"x", payload=hashlib.sha256(b"y").hexdigest())
    assert other[0] == 400 and b"<Code>XAmzContentSHA256Mismatch</Code>" in other[1]
    assert code_of(lambda: s3.put_object(Bucket="a-bucket", Key="k", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")) \
        == (400, "BadDigest")
    assert code_of(lambda: s3.get_object(Bucket="a-bucket", Key="k")) == (404, "NoSuchKey")
    assert code_of(lambda: s3.put_object(Bucket="a-bucket", Key="x" * 1025, Body=b"x")) == (400, "KeyTooLongError")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sandbox.status()["endpoint"] + "/a-bucket/k", timeout=20)
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()
    unknown = sandbox.aws("ls", service="s3", AWS_ACCESS_KEY_ID="AKIAUNKNOWN")
    assert "InvalidAccessKeyId" in unknown.stderr
    for text in (b"", b"<Delete>", b"<!DOCTYPE x []><Delete/>", b"<Other/>"):
        got = signed(sandbox, "POST", "/a-bucket?delete=", text, headers={
            "Content-MD5": base64.b64encode(hashlib.md5(text).digest()).decode()})
        assert got[0] == 400 and b"<Code>MalformedXML</Code>" in got[1]
    assert signed(sandbox, "PUT", "/a-bucket/%ff", b"x")[0] == 400
    assert signed(sandbox, "PATCH", "/a-bucket/k", b"x")[0] == 405


def test_presigned_urls_put_and_get(sandbox, s3):
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "a-bucket", "Key": "signed ü"}, ExpiresIn=60)
    assert urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT"), timeout=20).status == 200
    get = s3.generate_presigned_url("get_object", ExpiresIn=60, Params={
        "Bucket": "a-bucket", "Key": "signed ü", "ResponseContentType": "text/y"})
    answer = urllib.request.urlopen(get, timeout=20)
    assert answer.read() == b"by url" and answer.headers["Content-Type"] == "text/y"
    for wrong in (get.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), get.replace("signed", "other")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(wrong, timeout=20)
        assert caught.value.code == 403


# -- what goes wrong -----------------------------------------------------------------------------


def test_two_hundred_at_once_are_all_served(sandbox, s3):
    clients = [sandbox.client("s3", max_pool_connections=50) for _ in range(4)]

    def one(n):
        key, body = f"many/{n}", str(n).encode() * 1000
        client = clients[n % 4]
        client.put_object(Bucket="a-bucket", Key=key, Body=body)
        return client.get_object(Bucket="a-bucket", Key=key)["Body"].read() == body
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert all(pool.map(one, range(200)))
    assert s3.list_objects_v2(Bucket="a-bucket", Prefix="many/")["KeyCount"] == 200


def begun_put(sandbox, key, size):
    """A PUT whose body never comes to its end: the socket."""
    status = sandbox.status()
    endpoint = urllib.parse.urlsplit(status["endpoint"])
    url = sandbox.client("s3").generate_presigned_url("put_object", Params={"Bucket": "a-bucket", "Key": key}, ExpiresIn=60)
    path = url[url.index("/a-bucket"):]
    s = socket.create_connection((endpoint.hostname, endpoint.port), timeout=20)
    s.sendall(f"PUT {path} HTTP/1.1\r\nHost: {endpoint.netloc}\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * MIB)
    return s


def test_a_put_that_is_cut_off_leaves_nothing(sandbox, s3):
    before = files_of(sandbox)
    with begun_put(sandbox, "cut", 5 * MIB):
        wait_until(lambda: len(files_of(sandbox)) > len(before), 10 * SLOW, "the body goes to a file")
        assert code_of(lambda: s3.head_object(Bucket="a-bucket", Key="cut"))[0] == 404
    wait_until(lambda: files_of(sandbox) == before, 10 * SLOW, "the half object is removed")
    with begun_put(sandbox, "huge", 6 << 30) as huge:
        answer = huge.recv(4096)
        assert b" 400 " in answer and b"EntityTooLarge" in answer + huge.recv(4096)


def test_objects_survive_an_end_and_a_crash_in_the_middle_of_a_put():
    with Sandbox() as one:
        s3 = one.client("s3")
        s3.create_bucket(Bucket="a-bucket")
        s3.put_object(Bucket="a-bucket", Key="kept", Body=b"before")
        one.stop()
        one.start()
        kept = files_of(one)
        with begun_put(one, "kept", 5 * MIB):
            wait_until(lambda: len(files_of(one)) == 2, 10 * SLOW, "the body goes to a file")
            one.kill()
        assert len(files_of(one)) == 2
        one.start()
        s3 = one.client("s3")
        assert files_of(one) == kept
        assert s3.get_object(Bucket="a-bucket", Key="kept")["Body"].read() == b"before"
