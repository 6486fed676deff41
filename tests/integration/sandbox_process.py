"""A sandbox of ElastiCache as a process: started, asked where it is, ended. Needs no client of AWS."""

import functools
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile

import redis

from servers import die_with_parent, end_group, wait_until
from tool import BIN, SLOW, environment

READY_S = 30


class SandboxProcess:
    """`options` are those of `sandbox up`. All its files are in `directory`, by default one of its own."""

    def __init__(self, options=(), directory=None, name="work"):
        self.owned = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="handover-sandbox-"))
        self.workdir = self.directory / name
        self.options = list(options)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self.owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    def arguments(self):
        return ["sandbox", "up", "--workdir", self.workdir, *self.options]

    def start(self):
        with open(self.directory / "sandbox.log", "ab") as log:
            self.process = subprocess.Popen(
                [BIN, *map(str, self.arguments())], env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent)
        wait_until(lambda: self.process.poll() is not None or self.status().get("running"), READY_S * SLOW, self.log)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self):
        if self.process:
            end_group(self.process)
            self.process = None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def log(self):
        return (self.directory / "sandbox.log").read_text()

    def command(self, *arguments):
        return subprocess.run([BIN, "sandbox", *arguments, "--workdir", self.workdir], env=environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW)

    def status(self):
        done = self.command("status", "--json")
        return json.loads(done.stdout) if done.stdout else {}

    def aws_environment(self):
        """What `status` says to export, for a client that shall know no other account."""
        status = self.status()
        keys = status["credentials"]
        return {"AWS_ENDPOINT_URL": status["endpoint"], "AWS_REGION": status["region"], "HOME": str(self.directory),
                "AWS_ACCESS_KEY_ID": keys["access_key_id"], "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
                "AWS_EC2_METADATA_DISABLED": "true"}

    def cluster(self, name):
        return next(one for one in self.status()["clusters"] if one["id"] == name)

    def redis(self, name, address=None, **more):
        """A client at the plain address that follows the primary, or at another."""
        one = self.cluster(name)
        if one["tls"]:
            more = {"ssl": True, "ssl_ca_certs": self.status()["ca_file"], "ssl_check_hostname": True, **more}
        return redis.Redis(address or one["primary"]["address"], one["primary"]["port"],
                           **{"decode_responses": True, "socket_timeout": 5, **more})


class Cache:
    """A cache of a sandbox, named by its id to the product, and to the instruments a server as any other (servers.py)."""

    def __init__(self, sandbox, name, password=None, user=None, ca=None, engine="valkey-8.0"):
        self.url = f"elasticache://{user + '@' if user else ''}{name}"
        self.sandbox, self.name, self.password, self.ca, self.engine = sandbox, name, password, ca, engine

    @functools.cached_property
    def host(self):
        """Follows the primary."""
        return self.sandbox.cluster(self.name)["primary"]["address"]

    @functools.cached_property
    def port(self):
        return self.sandbox.cluster(self.name)["primary"]["port"]

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def client(self, db=0, **more):
        return self.sandbox.redis(self.name, password=self.password, db=db,
                                  **{"decode_responses": False, "socket_timeout": 60, **more})

    def info(self, section="all"):
        with self.client() as c:
            return c.info(section)
