"""The audit against what it cannot trust: files that were tampered with, servers that are none, outputs that fail.

Each case ends by itself, with a report or a message, in bounded time and memory, and shows no byte that a terminal,
a browser or a table would obey."""

import json
import random
import resource
import socket
import subprocess
import threading

import pytest

import tool

INFO = b"redis_version:7.2.4\r\nconnected_clients:5\r\ndb0:keys=3,expires=1\r\n"
MEMORY_MAX = 512 << 20


def audit(*words, stdout=subprocess.PIPE):
    ran = subprocess.run([tool.BIN, "audit", *map(str, words)], env=tool.environment(), stdin=subprocess.DEVNULL, stdout=stdout,
                         stderr=subprocess.PIPE, timeout=60 * tool.SLOW, preexec_fn=None if tool.SLOW > 1 else lambda: resource.setrlimit(
                             resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX)))
    assert ran.returncode in (tool.DONE, tool.FINDINGS, tool.USAGE, tool.SOURCE, tool.INTERRUPTED), ran.stderr
    return ran


FILES = {
    "NUL bytes": b"port 6379\x00\nmaxmemory 1\x00gb\n\x00\x00\x00",
    "a line of 3 MB": b"maxmemory " + b"9" * (3 << 20) + b"\n",
    "a line of a million words": b"bind " + b"a " * 1_000_000,
    "20,000 lines that add up": b"save 900 1\n" * 20_000,
    "20,000 users": b"".join(b"user u%d on nopass ~* +@all\n" % n for n in range(20_000)),
    "20,000 unknown names": b"".join(b"name%d x\n" % n for n in range(20_000)),
    "no UTF-8, quotes left open": b'port "6379\nbind \xff\xfe\xc0\n\xef\xbb\xbfport 1\r\n',
    "a circle of includes": b"include redis.conf\n" * 50 + b"maxmemory 1\n" * 1000,
    "nothing": b"",
}


@pytest.mark.parametrize("what", FILES)
def test_a_strange_configuration_file_is_judged_as_far_as_it_goes(what, tmp_path):
    (tmp_path / "redis.conf").write_bytes(FILES[what])
    ran = audit("--conf", tmp_path / "redis.conf", "--json")
    assert json.loads(ran.stdout)["findings"] and len(ran.stdout) < 4 << 20


def test_files_that_are_none_are_named():
    for words, name in ((("--conf", "/dev/zero"), "/dev/zero"), (("--conf", "/"), "'/'"), (("--info", "/dev/null"), "INFO")):
        ran = audit(*words)
        assert ran.returncode == tool.SOURCE and name in ran.stderr.decode(), ran.stderr


def test_what_a_client_calls_itself_is_text_everywhere(tmp_path):
    (tmp_path / "info").write_bytes(
        INFO + b"id=1 addr=\x1b[31mX name=<script>alert(1)</script> lib-name=|a|b|`c` lib-ver=\x1b]0;evil\x07 cmd=get user=\xff\xfe flags=N\n"
        b"id=2 name=a\rb\x08\x9b31m addr=1 cmd=x\nuser \x1b[2Jevil on nopass ~* +@all\nuser <b>x</b> on #aa ~\"'; rm -rf / +@all\n")
    for form in ([], ["--full"], ["--md"], ["--json"], ["--html", tmp_path / "page.html"]):
        out = audit("--info", tmp_path / "info", *form).stdout
        if "--html" in form:
            page = (tmp_path / "page.html").read_bytes()
            assert b"<script>alert" not in page and b"<b>x" not in page
            out += page
        assert not [b for b in out.decode() if (ord(b) < 32 and b not in "\n\t") or 0x7f <= ord(b) < 0xa0], form


def test_twenty_thousand_clients_each_of_its_own_kind(tmp_path):
    lines = b"".join(b"id=%d addr=10.0.%d.%d:1 name=n%d age=%d flags=N db=0 cmd=get user=default lib-name=lib%d lib-ver=%d.0\n"
                     % (n, n // 256 % 256, n % 256, n, n, n, n) for n in range(20_000))
    (tmp_path / "info").write_bytes(INFO + lines)
    ran = audit("--info", tmp_path / "info", "--html", tmp_path / "page.html")
    assert len(ran.stdout) < 1 << 20 and (tmp_path / "page.html").stat().st_size < 4 << 20


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "redis.conf").write_text("")
    with open("/dev/full", "w") as full:
        ran = audit("--conf", tmp_path / "redis.conf", stdout=full)
    assert ran.returncode == tool.INTERRUPTED and b"No space left" in ran.stderr
    ran = audit("--conf", tmp_path / "redis.conf", "--html", tmp_path / "none" / "page.html")
    assert ran.returncode == tool.INTERRUPTED and b"page.html" in ran.stderr and b"Grades" in ran.stdout  # nothing read in vain


class Liar:
    """A server in name only: `answer(n)` is sent for the n-th command, (bytes,) and hangs up, None at once."""

    def __init__(self, answer):
        self.answer, self.socket = answer, socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def accept(self):
        while True:
            try:
                one = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.talk, args=(one,), daemon=True).start()

    def talk(self, one):
        with one:
            number = 0
            try:
                while data := one.recv(1 << 20):
                    for _ in range(commands_in(data)):
                        number += 1
                        told = self.answer(number)
                        one.sendall(told[0] if isinstance(told, tuple) else told or b"")
                        if told is None or isinstance(told, tuple):
                            return
            except (OSError, ValueError):
                pass


def commands_in(data):
    count = at = 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        words, at = int(data[at + 1:end]), end + 2
        for _ in range(words):
            end = data.index(b"\r\n", at)
            at = end + 4 + int(data[at + 1:end])
        count += 1
    return count


@pytest.mark.parametrize("answer", [
    lambda n: b"-ERR no\r\n", lambda n: random.Random(1).randbytes(5000), lambda n: None, lambda n: (b"$100\r\nabc",),
    lambda n: b"*1\r\n" * 100_000, lambda n: b"HTTP/1.1 400 Bad Request\r\n\r\n",
], ids=["refuses", "noise", "hangs up", "stops", "nests", "web server"])
def test_what_is_no_server_is_exit_code_3(answer):
    with Liar(answer) as liar:
        ran = audit("--source", liar.url)
    assert ran.returncode == tool.SOURCE and b"do:" in ran.stderr and not ran.stdout


def test_answers_of_another_form_are_never_a_go():
    for told in (b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*0\r\n"):
        with Liar(lambda n: b"+PONG\r\n" if n == 1 else told) as liar:
            report = json.loads(audit("--source", liar.url, "--json").stdout)
        assert "as far as it could be read" in report["verdict"], report["verdict"]
        assert any(f["id"] == "unread-info:INFO" for f in report["findings"])


def value(luck, depth=0):
    kind = luck.choice("+:$$$*-_" if depth < 3 else "+:$")
    if kind == "*":
        count = luck.choice([0, 1, 2, 2, 3, 4])
        return b"*%d\r\n" % count + b"".join(value(luck, depth + 1) for _ in range(count))
    if kind == "$":
        text = luck.choice([b"", INFO, b"id=1 addr=1.2.3.4:5 name=x cmd=get", b"\xff\x00\x1b", b"raw", b"maxmemory", b"user a on ~* +@all",
                            b"%d" % luck.randrange(-9, 9**9)])
        return b"$%d\r\n%s\r\n" % (len(text), text)
    return {"+": b"+" + luck.choice([b"OK", b"", b"string", b"none"]) + b"\r\n", "-": b"-ERR x\r\n", "_": luck.choice([b"$-1\r\n", b"*-1\r\n"]),
            ":": b":%d\r\n" % luck.choice([0, 1, -1, -2, 2**63 - 1, -2**63, 7])}[kind]


@pytest.mark.parametrize("seed", range(12))
def test_answers_without_sense_break_nothing(seed):
    luck = random.Random(seed)
    info = b"$%d\r\n%s\r\n" % (len(INFO), INFO)
    with Liar(lambda n: b"+PONG\r\n" if n == 1 else info if n == 3 else value(luck)) as liar:
        audit("--source", liar.url, "--sample-time", "1s", "--json")
