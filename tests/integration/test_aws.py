"""The AWS client: where it finds its keys, and how it asks. The servers that give keys out exist only
inside AWS; here small ones answer as AWS documents them."""

import datetime
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from answers import Answers
from servers import ROOT

PROBE = os.environ.get("HANDOVER_BIN", str(ROOT / "build" / "handover")).rsplit("/", 1)[0] + "/tests/unit/aws_probe"
ERR_LIMIT, ERR_AWS, ERR_TIMEOUT, ERR_USAGE = 2, 5, 7, 10
NO_INSTANCE = {"AWS_EC2_METADATA_DISABLED": "true"}
STATIC = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a-key-for-tests", "AWS_REGION": "eu-west-1", **NO_INSTANCE}


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def keys(name="ASIA1", token="Token", seconds=3600, **more):
    return json.dumps({"AccessKeyId": name, "SecretAccessKey": "s-" + name, token: "t-" + name,
                       "Expiration": in_seconds(seconds), **more})


@pytest.fixture
def probe(tmp_path):
    """probe(arguments..., env={}, files={}) answers a dictionary of its lines; lists for lines that repeat."""

    def run(*arguments, env=None, files=None, good=True):
        home = tmp_path / "home" / ".aws"
        home.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (home / name).write_text(text)
        clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("AWS_") and not k.lower().endswith("_proxy")}
        done = subprocess.run([PROBE, *arguments], env={**clean, "HOME": str(home.parent), **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == (0 if good else 1), done.stdout + done.stderr
        run.lines = done.stdout.splitlines()
        return dict(line.split(": ", 1) for line in run.lines if ": " in line)

    return run


# --- where keys come from


def test_keys_of_the_environment_go_before_the_profile(probe):
    files = {"credentials": "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n"}
    got = probe("credentials", env={**STATIC, "AWS_SESSION_TOKEN": "tok"}, files=files)
    assert (got["source"], got["id"], got["token"]) == ("environment", "AKIDEXAMPLE", "tok")


def test_a_profile_that_an_option_names_goes_before_the_environment(probe):
    files = {"credentials": "[work]\naws_access_key_id=FILE\naws_secret_access_key=s\n"}
    got = probe("credentials", "work", env=STATIC, files=files)
    assert (got["source"], got["id"]) == ("profile", "FILE")


def test_the_profile_of_the_environment_is_taken(probe):
    files = {"credentials": "[work]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
             "config": "[profile work]\nregion=eu-north-1\n"}
    got = probe("credentials", env={"AWS_PROFILE": "work", **NO_INSTANCE}, files=files)
    assert (got["source"], got["id"]) == ("profile", "FILE")
    assert probe("region", env={"AWS_PROFILE": "work", **NO_INSTANCE})["region"] == "eu-north-1"
    assert probe("region", env={"AWS_PROFILE": "work", "AWS_REGION": "us-east-2", **NO_INSTANCE})["region"] == "us-east-2"


def test_a_profile_in_no_file_is_a_usage_error(probe):
    got = probe("credentials", env={"AWS_PROFILE": "nope", **NO_INSTANCE}, good=False)
    assert int(got["kind"]) == ERR_USAGE and "'nope'" in got["error"]


def test_a_profile_that_signs_in_otherwise_names_the_way(probe):
    files = {"config": "[profile work]\nsso_session = corp\nregion = eu-west-1\n"}
    got = probe("credentials", "work", env=NO_INSTANCE, files=files, good=False)
    assert int(got["kind"]) == ERR_AWS
    assert "aws configure export-credentials --profile work" in got["hint"]


def test_a_credential_process_gives_keys(probe, tmp_path):
    giver = tmp_path / "giver.py"
    giver.write_text("print(%r)" % keys("PROC", "SessionToken", Version=1))
    files = {"config": f"[default]\ncredential_process = {sys.executable} '{giver}'\n"}
    got = probe("credentials", env=NO_INSTANCE, files=files)
    assert (got["source"], got["id"], got["key"], got["token"]) == ("credential process", "PROC", "s-PROC", "t-PROC")


def test_a_credential_process_that_fails_or_hangs_is_told_in_time(probe):
    for command, said in (("exit 3", "exit code 3"), ("sleep 600", "did not end in time"), ("echo no", "not JSON"),
                          ("yes", "more than 65536 bytes")):
        begin = time.monotonic()
        got = probe("credentials", env={**NO_INSTANCE, "PROBE_MS": "1500"},
                    files={"config": f"[default]\ncredential_process = {command}\n"}, good=False)
        assert int(got["kind"]) == ERR_AWS and said in got["error"], got
        assert time.monotonic() - begin < 10


def test_a_web_identity_becomes_keys_of_its_role(probe, tmp_path):
    (tmp_path / "token").write_text("eyJ.web+identity/=\n")
    answer = ("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAW</AccessKeyId>"
              f"<SecretAccessKey>sw</SecretAccessKey><SessionToken>tw</SessionToken><Expiration>{in_seconds(3600)}</Expiration>"
              "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")
    with Answers({("POST", "/"): [(503, "busy"), answer]}) as sts:
        got = probe("credentials", env={"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ENDPOINT_URL_STS": sts.url,
                                        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/a", **NO_INSTANCE})
        form = dict(urllib.parse.parse_qsl(sts.asked[-1].body.decode()))
        assert "Authorization" not in sts.asked[-1].headers
    assert (got["source"], got["id"], got["key"], got["token"]) == ("web identity", "ASIAW", "sw", "tw")
    assert form == {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "handover",
                    "RoleArn": "arn:aws:iam::123456789012:role/a", "WebIdentityToken": "eyJ.web+identity/="}


def test_a_web_identity_that_sts_refuses_is_told_with_its_code(probe, tmp_path):
    (tmp_path / "token").write_text("old")
    refusal = (400, "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error>"
                    "<RequestId>r-9</RequestId></ErrorResponse>")
    with Answers({("POST", "/"): refusal}) as sts:
        got = probe("credentials", env={"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ENDPOINT_URL": sts.url,
                                        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/a", **NO_INSTANCE}, good=False)
    assert int(got["kind"]) == ERR_AWS and "ExpiredTokenException: Token expired (request r-9)" in got["error"]


def test_a_container_gives_keys_for_the_token_in_its_file(probe, tmp_path):
    (tmp_path / "token").write_text("pod-token\n")
    with Answers({("GET", "/v1/credentials"): keys("POD")}) as agent:
        got = probe("credentials", env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/v1/credentials",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"), **NO_INSTANCE})
        assert agent.asked[0].headers["Authorization"] == "pod-token"
    assert (got["source"], got["id"], got["token"]) == ("container", "POD", "t-POD")


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.170.2.evil.test", "127.evil.test", "localhost@evil.test"])
def test_the_token_of_a_container_goes_to_no_stranger(probe, host):
    got = probe("credentials", env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host}/v1", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
                                    **NO_INSTANCE}, good=False)
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host" in got["error"]


def instance(role_keys, token="IMDS-TOKEN"):
    def with_token(text):
        return lambda asked: text if asked.headers.get("X-aws-ec2-metadata-token") == token else (401, "")

    roles = "/latest/meta-data/iam/security-credentials/"
    return {("PUT", "/latest/api/token"): lambda asked: token if asked.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else (400, ""),
            ("GET", roles): with_token("app-role"), ("GET", roles + "app-role"): lambda asked: with_token(role_keys())(asked),
            ("GET", "/latest/meta-data/placement/region"): with_token("ap-south-1")}


def test_an_instance_gives_keys_and_region_past_a_proxy(probe):
    with Answers(instance(lambda: keys("EC2", Code="Success"))) as imds:
        env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url + "/", "http_proxy": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"}
        got = probe("credentials", env=env)
        assert (got["source"], got["id"], got["token"], got["then"]) == ("instance", "EC2", "t-EC2", "EC2")
        assert [a.path for a in imds.asked].count("/latest/api/token") == 1  # the second time they were kept
        assert probe("region", env=env)["region"] == "ap-south-1"


def test_keys_near_their_end_are_renewed_and_kept_when_that_fails(probe):
    given = iter(["NEAR", "NEXT"])
    with Answers(instance(lambda: keys(next(given), seconds=120))) as imds:
        env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url}
        got = probe("credentials", env=env)
        assert (got["id"], got["then"]) == ("NEAR", "NEXT")
    given = iter([keys("NEAR", seconds=120), "no keys", "no keys"])
    with Answers(instance(lambda: next(given))) as imds:
        got = probe("credentials", env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
        assert (got["id"], got["then"]) == ("NEAR", "NEAR")


def test_keys_past_their_end_are_told(probe):
    got = probe("credentials", env={**STATIC, "AWS_CREDENTIAL_EXPIRATION": in_seconds(-5)}, good=False)
    assert int(got["kind"]) == ERR_AWS and "have ended" in got["error"]


def test_no_keys_anywhere_is_told_quickly(probe):
    begin = time.monotonic()
    got = probe("credentials", env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, good=False)
    assert int(got["kind"]) == ERR_AWS and "no AWS credentials" in got["error"] and "AWS_PROFILE" in got["hint"]
    assert time.monotonic() - begin < 5


# --- how a service is asked


def groups(name, marker=""):
    return (f"<DescribeReplicationGroupsResponse><DescribeReplicationGroupsResult><Marker>{marker}</Marker>"
            f"<ReplicationGroupId>{name}</ReplicationGroupId></DescribeReplicationGroupsResult>"
            "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeReplicationGroupsResponse>")


def refused(status, code, headers=None):
    return (status, f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>said so</Message></Error>"
                    "<RequestId>r-7</RequestId></ErrorResponse>", headers or {})


def ask(probe, server, *arguments, good=True, **env):
    return probe("query", "elasticache", "DescribeReplicationGroups", *arguments,
                 env={**STATIC, "AWS_ENDPOINT_URL_ELASTICACHE": server.url, **env}, good=good)


def test_all_pages_are_asked_for_with_the_same_parameters(probe):
    with Answers({("POST", "/"): [groups("a", "m&amp;1"), groups("b", "m 2"), groups("c")]}) as service:
        ask(probe, service, "ReplicationGroupId=x y")
        forms = [dict(urllib.parse.parse_qsl(a.body.decode())) for a in service.asked]
    assert [f.get("Marker") for f in forms] == [None, "m&1", "m 2"]
    assert all(f["ReplicationGroupId"] == "x y" and f["Version"] == "2015-02-02" for f in forms)
    assert [line for line in probe.lines if line.startswith("ReplicationGroupId")] == [f"ReplicationGroupId: {n}" for n in "abc"]


def test_pages_without_an_end_are_told(probe):
    with Answers({("POST", "/"): groups("a", "again")}) as service:
        got = ask(probe, service, good=False)
    assert "have no end" in got["error"]


def test_a_request_names_region_service_and_session_in_its_signature(probe):
    with Answers({("POST", "/"): groups("a")}) as service:
        ask(probe, service, AWS_SESSION_TOKEN="tok")
        head = service.asked[0].headers
    assert "/eu-west-1/elasticache/aws4_request" in head["Authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in head["Authorization"]
    assert head["X-Amz-Security-Token"] == "tok"


def test_a_refusal_is_final_and_tells_code_message_and_request(probe):
    with Answers({("POST", "/"): refused(404, "ReplicationGroupNotFoundFault")}) as service:
        got = ask(probe, service, good=False)
        assert len(service.asked) == 1
    assert (int(got["kind"]), got["code"]) == (ERR_AWS, "ReplicationGroupNotFoundFault")
    assert got["error"] == "DescribeReplicationGroups: elasticache answered ReplicationGroupNotFoundFault: said so (request r-7)"


@pytest.mark.parametrize("trouble", [refused(400, "Throttling"), (503, "a proxy's page"), None])
def test_what_passes_by_itself_is_asked_again(probe, trouble):
    with Answers({("POST", "/"): [trouble, trouble, groups("a")]}) as service:
        ask(probe, service)
        assert len(service.asked) == 3


def test_retry_after_is_waited_for(probe):
    with Answers({("POST", "/"): [refused(503, "ServiceUnavailable", {"Retry-After": "2"}), groups("a")]}) as service:
        ask(probe, service)
        assert service.asked[1].at - service.asked[0].at >= 1.9


def test_attempts_are_counted_out(probe):
    with Answers({("POST", "/"): refused(400, "Throttling")}) as service:
        got = ask(probe, service, good=False, AWS_MAX_ATTEMPTS="2")
        assert len(service.asked) == 2
    assert "after 2 attempts" in got["error"]


def test_a_service_that_does_not_answer_is_left_at_the_deadline(probe):
    over = threading.Event()

    def silent(asked):
        over.wait(4)
    with Answers({("POST", "/"): silent}) as service:
        begin = time.monotonic()
        got = ask(probe, service, good=False, PROBE_MS="1000")
        assert time.monotonic() - begin < 3
        over.set()
    assert int(got["kind"]) == ERR_AWS and "no answer in time" in got["error"]


def test_an_answer_that_is_no_xml_or_too_large_is_told(probe):
    with Answers({("POST", "/"): ["<html>a captive portal", "x" * (17 << 20)]}) as service:
        assert "not XML" in ask(probe, service, good=False)["error"]
        assert "more than 16777216 bytes" in ask(probe, service, good=False)["error"]


def test_keys_that_a_service_calls_expired_are_renewed_once(probe):
    given = iter(["OLD", "NEW", "NEWER"])
    with Answers(instance(lambda: keys(next(given)))) as imds, \
            Answers({("POST", "/"): [refused(403, "ExpiredToken"), groups("a")]}) as service:
        probe("query", "elasticache", "DescribeReplicationGroups",
              env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "AWS_ENDPOINT_URL": service.url})
        assert ["Credential=OLD/" in service.asked[0].headers["Authorization"], "Credential=NEW/" in
                service.asked[1].headers["Authorization"]] == [True, True]
        assert "/ap-south-1/" in service.asked[0].headers["Authorization"]


def test_no_region_is_a_usage_error(probe):
    got = probe("region", env=NO_INSTANCE, good=False)
    assert int(got["kind"]) == ERR_USAGE and "AWS_REGION" in got["hint"]


# --- S3 (its own behaviour: tests/interop/test_aws.py, against moto)


def s3(probe, server, what, key, *more, good=True):
    return probe("s3", what, "b", key, *more, env={**STATIC, "AWS_ENDPOINT_URL_S3": server.url}, good=good)


def test_a_list_of_objects_goes_on_to_its_last_page(probe):
    def listed(name, more=""):
        return f"<ListBucketResult>{more}<Contents><Key>{name}</Key><Size>1</Size></Contents></ListBucketResult>"

    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1=</NextContinuationToken>"
    with Answers({("GET", "/b?list-type=2&prefix=p%2F"): listed("p/a", more),
                  ("GET", "/b?list-type=2&prefix=p%2F&continuation-token=t%2F1%3D"): listed("p/b")}) as service:
        assert s3(probe, service, "list", "p/") == {"p/a": "1", "p/b": "1"}


def test_an_object_whose_connection_breaks_is_taken_up_where_it_broke(probe):
    body = "line one\nline two\nline three\n"

    def part(asked):
        begin, end = map(int, asked.headers["Range"].split("=")[1].split("-"))
        assert asked.headers["If-Match"] == '"e"'
        piece = body[begin:end + 1]
        return (206, piece[:10], {"Content-Length": str(len(piece)), "Connection": "close"})

    with Answers({("HEAD", "/b/k"): (200, "", {"Content-Length": str(len(body)), "ETag": '"e"'}), ("GET", "/b/k"): part}) as service:
        s3(probe, service, "get", "k")
        assert probe.lines == body.splitlines()
        assert [a.headers["Range"] for a in service.asked[1:]] == ["bytes=0-28", "bytes=10-28", "bytes=20-28"]


def test_an_object_that_changed_meanwhile_is_not_mixed(probe):
    with Answers({("HEAD", "/b/k"): (200, "", {"Content-Length": "20", "ETag": '"e"'}),
                  ("GET", "/b/k"): [(206, "0123456789", {"Content-Length": "20", "Connection": "close"}),
                                    (412, "<Error><Code>PreconditionFailed</Code><Message>m</Message></Error>")]}) as service:
        got = s3(probe, service, "get", "k", good=False)
    assert "PreconditionFailed" in got["error"]


def test_parts_that_fail_to_be_joined_behind_a_status_of_200_are_told(probe, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * (6 << 20))
    part = (200, "", {"ETag": '"p"'})
    with Answers({("POST", "/b/k?uploads="): "<R><UploadId>u</UploadId></R>", ("PUT", "/b/k?partNumber=1&uploadId=u"): part,
                  ("PUT", "/b/k?partNumber=2&uploadId=u"): part,
                  ("POST", "/b/k?uploadId=u"): "<Error><Code>InternalError</Code><Message>m</Message></Error>"}) as service:
        got = s3(probe, service, "upload", "k", str(path), str(5 << 20), good=False)
    assert "InternalError" in got["error"]
