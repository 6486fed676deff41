"""Two hosts on a wire, made of network namespaces: nothing of them is seen outside, and no right of root is needed.

    with Wire() as wire:                       # the client is 10.77.0.1, the server 10.77.0.2
        wire.server.start("redis-server", ...) # dies with the wire
        wire.client.run(["handover", ...])     # subprocess.run there

Both belong to one user namespace that the test makes (`unshare -U`), so an ordinary user can do it too.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from servers import wait_until

CLIENT, SERVER = "10.77.0.1", "10.77.0.2"
NO_ROUTE, NO_ROUTE_PUBLIC = "10.99.0.5", "203.0.113.5"  # the client has no route there
FAR, FAR_PUBLIC = "10.88.0.9", "198.51.100.9"           # it has one, and the server forwards nothing


class Host:
    """A network namespace, held by a process that ends when the pipe to it closes: also when the test is killed."""

    def __init__(self, enter, unshare):
        self.processes = []
        self.holder = subprocess.Popen([*enter, "unshare", *unshare, "sh", "-c", "echo ready; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-U", "-n", "-m", "--preserve-credentials"]

    def run(self, command, **more):
        more.setdefault("timeout", 60)
        return subprocess.run([*self.enter, *map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)

    def do(self, line):
        done = self.run(["sh", "-ec", line])
        assert done.returncode == 0, f"{line}: {done.stderr}"

    def start(self, *command, log=subprocess.DEVNULL):
        """A process of that host; it gets its own death signal, for entering a namespace takes ours away."""
        process = subprocess.Popen([*self.enter, "setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
                                   stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdin.close()
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class Wire:
    def __init__(self, names=()):
        """names: what the client's resolver knows, {"cache.example": "10.77.0.2"}; see resolver()."""
        self.names = dict(names)
        self.directory = tempfile.TemporaryDirectory(prefix="handover-wire-")

    def __enter__(self):
        self.client = Host([], ["-U", "-r", "-n", "-m"])
        self.server = Host(self.client.enter, ["-n", "-m"])
        files = pathlib.Path(self.directory.name)
        (files / "resolv.conf").write_text(f"nameserver {SERVER}\noptions timeout:1 attempts:1\n")
        (files / "hosts").write_text("127.0.0.1 localhost\n")
        self.client.do(f"""
            ip link set lo up
            ip link add wire type veth peer name wire netns {self.server.holder.pid}
            ip address add {CLIENT}/24 dev wire
            ip link set wire up
            mount --bind {files}/resolv.conf /etc/resolv.conf
            mount --bind {files}/hosts /etc/hosts
        """)
        self.server.do(f"ip link set lo up; ip address add {SERVER}/24 dev wire; ip link set wire up")
        self.client.do(f"ip route add 10.88.0.0/16 via {SERVER}; ip route add 198.51.100.0/24 via {SERVER}")
        if self.names:
            arguments = [f"{name}={address}" for name, address in self.names.items()]
            self.server.start(sys.executable, __file__, *arguments)
            name, address = next(iter(self.names.items()))
            wait_until(lambda: address in self.client.run(["getent", "ahostsv4", name]).stdout, 20, "the resolver answers", 0.1)
        return self

    def __exit__(self, *_):
        self.server.close()
        self.client.close()
        self.directory.cleanup()

    def wait_port(self, port):
        wait_until(lambda: f":{port} " in self.server.run(["ss", "-Hltn"]).stdout, 20, f"somebody listens on {port}", 0.05)


def resolver(names):
    """A name server for the wire: A records for `names`, silence for what begins with "silent.", else NXDOMAIN."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((SERVER, 53))
        while True:
            query, peer = s.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question, name = query[12:at + 5], ".".join(labels)
            if name.startswith("silent."):
                continue
            known, is_a = name in names, query[at + 1:at + 3] == b"\0\1"
            answer = b""
            if known and is_a:
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton(names[name])
            flags = b"\x85\x80" if known else b"\x85\x83"
            s.sendto(query[:2] + flags + b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0" + question + answer, peer)


if __name__ == "__main__":
    resolver(dict(a.split("=") for a in sys.argv[1:]))
