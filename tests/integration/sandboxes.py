"""A sandbox of ElastiCache for a test: started, spoken to with AWS's own client code, ended."""

import contextlib
import os
import pathlib
import socket
import struct
import subprocess

import pytest
import awscli.botocore.session  # noqa: F401  the library of AWS's clients, as the CLI brings it along
from botocore.auth import SigV4Auth  # noqa: F401  for tests
from botocore.awsrequest import AWSRequest  # noqa: F401  for tests
from botocore.config import Config
from botocore.credentials import Credentials  # noqa: F401  for tests
from botocore.exceptions import ClientError  # noqa: F401  for tests
from botocore.session import Session

from sandbox_process import READY_S, SandboxProcess
from servers import wait_until
from tool import SLOW

CLI = "/usr/bin/aws"
FAST = "2000"  # 360 s of the service become 0.2 s


def refused(call, code, *words):
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code, caught.value
    for word in words:
        assert word in caught.value.response["Error"]["Message"]
    return caught.value.response


class Sandbox(SandboxProcess):
    def __init__(self, compress=FAST, options=(), directory=None, **more):
        super().__init__(options, directory, **more)
        self.compress = compress

    def arguments(self):
        return [*super().arguments(), "--compress-time", self.compress]

    # -- the API -----------------------------------------------------------------------------------

    def client(self, service="elasticache", secret=None, **config):
        status = self.status()
        session = Session()
        keys = status["credentials"]
        return session.create_client(
            service, region_name=status["region"], endpoint_url=status["endpoint"],
            aws_access_key_id=keys["access_key_id"], aws_secret_access_key=secret or keys["secret_access_key"],
            config=Config(retries={"max_attempts": 1}, **config))

    def aws(self, *arguments, service="elasticache", deadline_s=60, **more):
        """The AWS CLI as a user calls it: CompletedProcess."""
        status = self.status()
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env.update(AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="1", HOME=str(self.directory),
                   AWS_DEFAULT_REGION=status["region"], AWS_ACCESS_KEY_ID=status["credentials"]["access_key_id"],
                   AWS_SECRET_ACCESS_KEY=status["credentials"]["secret_access_key"])
        env.update(more)
        return subprocess.run([CLI, "--endpoint-url", status["endpoint"], service, *arguments], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline_s * SLOW)

    def create(self, name, replicas=1, **more):
        api = self.client()
        api.create_replication_group(ReplicationGroupId=name, ReplicationGroupDescription="a test", **{
            "Engine": "valkey", "EngineVersion": "8.0", "NumCacheClusters": replicas + 1,
            "AutomaticFailoverEnabled": replicas > 0, "CacheNodeType": "cache.t4g.small", **more})
        self.wait(name)
        return api

    def group(self, name):
        return self.client().describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def wait(self, name, status="available"):
        api = self.client()

        def there():
            now = api.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]["Status"]
            assert not now.endswith("failed"), self.log()
            return now == status
        wait_until(there, READY_S * SLOW, lambda: f"{name} {status}\n{self.log()}", every_s=0.05)

    # -- the engines -------------------------------------------------------------------------------

    def engines(self):
        """The processes of its nodes."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(self.workdir / "nodes")):
                    found.append(int(entry.name))
        return found

    def resolve(self, name, kind=1):
        """(code, [(address, ttl)]) that its DNS responder answers for a name."""
        question = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"".join(
            bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\x00" + struct.pack(">HH", kind, 1)
        host, port = self.status()["dns"].split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(question, (host, int(port)))
            answer = s.recv(512)
        assert answer[:2] == question[:2]
        count, rest, found = struct.unpack(">H", answer[6:8])[0], answer[len(question):], []
        for _ in range(count):
            ttl, = struct.unpack(">I", rest[6:10])
            found.append((socket.inet_ntoa(rest[12:16]), ttl))
            rest = rest[16:]
        return answer[3] & 15, found
