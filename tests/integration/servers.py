"""Real servers for tests, the demo and the benchmarks: started on loopback, ended with all they started.

    with Server("redis-7.0", password="s3cret", options={"maxmemory-policy": "noeviction"}) as source:
        source.client(db=1).set("a", 1)

A Server owns its process, its temporary directory and its port. It dies with the process that
started it (PR_SET_PDEATHSIG), so a killed test leaves nothing behind.
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINES = ROOT / ".cache" / "engines"
START_DEADLINE_S = 20
STOP_DEADLINE_S = 20
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For preexec_fn: the child is killed when the thread that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, deadline_s, what, every_s=0.01):
    """Answers the first true value of condition(); past the deadline a TimeoutError says what was awaited."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise TimeoutError(f"not within {deadline_s} s: {said}")
        time.sleep(every_s)


def end_group(process, deadline_s=STOP_DEADLINE_S, first=signal.SIGTERM):
    """Ends a child that leads its own process group, with everything it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(first)
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def engine_program(engine, kind="server"):
    """The program of an engine: ('valkey-8.0', 'cli') -> .cache/engines/valkey-8.0/bin/valkey-cli."""
    program = ENGINES / engine / "bin" / f"{engine.split('-')[0]}-{kind}"
    if not program.exists():
        raise FileNotFoundError(f"'{program}' is missing; run: tools/engines.sh {engine}")
    return program


def version_of(engine):
    """'redis-6.0' -> (6, 0)"""
    return tuple(int(part) for part in engine.split("-")[1].split("."))


class Server:
    arguments = ()  # behind its configuration file
    ca = None  # whom to trust; without one there is no TLS

    def __init__(self, engine="redis-7.0", password=None, options=None, port=None, directory=None,
                 host="127.0.0.1", wrapper=(), env=None):
        """`wrapper` is a command that runs the server (ip netns exec NAME), `env` adds to its environment."""
        self.engine = engine
        self.wrapper, self.env = list(wrapper), dict(env or {})
        self.password = password
        self.options = dict(options or {})
        self.host = host
        self.port = port
        self.process = None
        self._own_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix=f"handover-{engine}-"))
        self._fixed_port = port is not None

    # -- life ------------------------------------------------------------------------------------

    def start(self):
        for attempt in range(5):
            if not self._fixed_port:
                self.port = free_port()
            if self._start_once():
                self._fixed_port = True  # a restarted server comes back at the same address
                return self
        raise RuntimeError(f"{self.engine} does not start:\n{self.log()[-2000:]}")

    def _start_once(self):
        settings = {
            "port": self.port, "bind": self.host, "dir": self.directory, "save": '""',
            "daemonize": "no", "repl-diskless-sync-delay": 0,
        }
        if version_of(self.engine) >= (7, 0):  # always on before
            settings["enable-debug-command"] = "local"
        settings.update(self.options)
        if self.password:
            settings.update(requirepass=self.password, masterauth=self.password)
        lines = []
        for name, value in settings.items():
            if value is None:  # not even what tests usually set
                continue
            for one in value if isinstance(value, (list, tuple)) else [value]:
                lines.append(f"{name} {one}\n")
        (self.directory / "server.conf").write_text("".join(lines))
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, engine_program(self.engine), "server.conf", *self.arguments], cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, **self.env),
                start_new_session=True, preexec_fn=die_with_parent)
        end = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            try:
                with self.client() as c:
                    if c.info("server")["process_id"] == self.process.pid:
                        return True
                self.kill()
                return False  # someone else has this port
            except (redis.ConnectionError, redis.BusyLoadingError, redis.TimeoutError):
                time.sleep(0.01)
        return False

    def stop(self):
        """Ends the process; the data and the port stay for another start()."""
        if self.process:
            end_group(self.process)
            self.process = None

    def kill(self):
        if self.process:
            end_group(self.process, first=signal.SIGKILL)
            self.process = None

    def close(self):
        self.stop()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *_):
        self.close()

    # -- use -------------------------------------------------------------------------------------

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        """Without the password: what may stand on a command line."""
        return f"redis://{self.address}"

    @property
    def url_with_password(self):
        return f"redis://:{self.password}@{self.address}" if self.password else self.url

    def client(self, db=0, **more):
        """A python3-redis client that answers bytes and never retries on its own account."""
        more.setdefault("socket_timeout", 60)
        return redis.Redis(self.host, self.port, db=db, password=self.password, **more)

    def cli(self, *arguments, stdin=None):
        environment = dict(os.environ, REDISCLI_AUTH=self.password or "", VALKEYCLI_AUTH=self.password or "")
        return subprocess.run(
            [engine_program(self.engine, "cli"), "-h", self.host, "-p", str(self.port), *map(str, arguments)],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, check=True).stdout

    def info(self, section="all"):
        with self.client() as c:
            return c.info(section)

    def offset(self):
        return self.info("replication")["master_repl_offset"]

    def log(self):
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""


def cpu_seconds(pid):
    """User and system time of a process and of its reaped children (a save child counts when it ended)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def peak_rss_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no VmHWM")
