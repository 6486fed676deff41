"""The AWS client against moto, which checks each signature and the rights of IAM users itself.

Installed by tests/interop/install.sh moto; without it nothing is collected here.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from servers import ROOT, die_with_parent, end_group, free_port, wait_until  # noqa: E402

MOTO = ROOT / ".cache" / "interop" / "moto"
PROBE = ROOT / "build" / "tests" / "unit" / "aws_probe"
PART = 5 << 20
BUCKET = "a-bucket"
READY_S = 60
SETUP_CALLS = 3  # before moto asks for signatures: user, policy, access key
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","sts:*","cloudwatch:*","monitoring:*"],"Resource":"*"}]}'

if not MOTO.is_dir():
    pytest.skip("moto is not installed", allow_module_level=True)


def iam(url, action, **parameters):
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
    head = {"Authorization": "AWS4-HMAC-SHA256 Credential=first/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00"}
    return urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=30).read().decode()


def part_of(text, name):
    return text.split(f"<{name}>")[1].split("<")[0]


class Moto:
    def __init__(self, directory):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = open(directory / "moto.log", "wb")
        self.process = subprocess.Popen(
            ["/usr/bin/python3", MOTO / "bin" / "moto_server", "-H", "127.0.0.1", "-p", self.url.rsplit(":", 1)[1]],
            env={**os.environ, "PYTHONPATH": str(MOTO), "INITIAL_NO_AUTH_ACTION_COUNT": str(SETUP_CALLS)},
            stdout=self.log, stderr=self.log, start_new_session=True, preexec_fn=die_with_parent)

    def ready(self):
        try:
            return urllib.request.urlopen(self.url + "/moto-api/", timeout=5).status == 200
        except OSError:
            return False

    def user(self):
        iam(self.url, "CreateUser", UserName="mover")
        iam(self.url, "PutUserPolicy", UserName="mover", PolicyName="p", PolicyDocument=POLICY)
        made = iam(self.url, "CreateAccessKey", UserName="mover")
        self.env = {"AWS_ACCESS_KEY_ID": part_of(made, "AccessKeyId"), "AWS_SECRET_ACCESS_KEY": part_of(made, "SecretAccessKey"),
                    "AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "PROBE_MS": "60000"}

    def probe(self, *arguments, good=True, **env):
        clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("AWS_") and not k.lower().endswith("_proxy")}
        done = subprocess.run([PROBE, *map(str, arguments)], env={**clean, "HOME": "/nonexistent", **self.env, **env},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        assert done.returncode == (0 if good else 1), done.stdout[-2000:] + done.stderr
        return done.stdout

    def s3(self, what, key, *more, **options):
        return self.probe("s3", what, BUCKET, key, *more, **options)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    one = Moto(tmp_path_factory.mktemp("moto"))
    try:
        wait_until(one.ready, READY_S, "moto answers", every_s=0.2)
        one.user()
        one.probe("s3", "put", BUCKET, "", "")  # PUT of a bucket makes it
        yield one
    finally:
        end_group(one.process)
        one.log.close()


def test_a_signature_is_taken_and_a_wrong_key_is_refused(moto):
    assert b"mover" in moto.probe("query", "sts", "GetCallerIdentity")
    got = moto.probe("query", "sts", "GetCallerIdentity", good=False, AWS_SECRET_ACCESS_KEY="wrong").decode()
    assert "SignatureDoesNotMatch" in got and "secret access key" in got


@pytest.mark.parametrize("key", ["plain", "a folder/with blanks + plus", "ünïcode/&=?#%25", "dots/./a//b/../c", "~-_.!*'()"])
def test_objects_of_any_name_are_put_read_and_deleted(moto, key):
    moto.s3("put", key, "some text of " + key)
    assert moto.s3("get", key).decode() == "some text of " + key
    size = f"size: {len(('some text of ' + key).encode())}".encode()
    assert size in moto.s3("head", key)
    moto.s3("delete", key)
    assert b"status: 404" in moto.s3("head", key, good=False)


def test_an_empty_object_is_read_as_nothing(moto):
    moto.s3("put", "empty", "")
    assert moto.s3("get", "empty") == b""


def test_a_list_has_every_object_of_its_prefix_in_order(moto):
    names = [f"list/{i:04}" for i in range(12)]
    for name in reversed(names):
        moto.s3("put", name, "x")
    assert [line.split(":")[0] for line in moto.s3("list", "list/").decode().splitlines()] == names


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.rdb"
    path.write_bytes(os.urandom(3 * PART + 12345))
    return path


def test_a_large_file_goes_up_in_parts_and_comes_back_the_same(moto, large):
    said = moto.s3("upload", "large", large, PART).decode()
    assert said.count("done: ") == 4
    assert hashlib.sha256(moto.s3("get", "large")).digest() == hashlib.sha256(large.read_bytes()).digest()
    assert b'-4"' in moto.s3("head", "large")


def test_an_upload_that_stopped_sends_only_what_is_missing(moto, large, tmp_path):
    whole = large.read_bytes()
    changed = tmp_path / "changing"
    changed.write_bytes(whole)
    with open(changed, "rb+") as f:  # the last part cannot be read to its end: the file is cut while it is sent
        process = subprocess.Popen([PROBE, "s3", "upload", BUCKET, "resumed", changed, str(PART)],
                                   env={**os.environ, "HOME": "/nonexistent", **moto.env}, stdout=subprocess.PIPE, text=True)
        lines = [process.stdout.readline(), process.stdout.readline()]
        f.truncate(2 * PART)
        rest, _ = process.communicate(timeout=60)
    assert lines[0].startswith("upload: ") and process.returncode == 1, rest
    upload = lines[0].split(": ")[1].strip()
    before = moto_log_puts(moto)
    moto.s3("upload", "resumed", large, PART, upload)
    sent = moto_log_puts(moto) - before
    assert 1 <= sent <= 3, sent
    assert hashlib.sha256(moto.s3("get", "resumed")).digest() == hashlib.sha256(whole).digest()


def moto_log_puts(moto):
    return pathlib.Path(moto.log.name).read_text().count('"PUT /a-bucket/resumed?')
