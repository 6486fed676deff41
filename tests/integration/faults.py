"""What breaks between servers: a relay that stalls, cuts, delays and swallows, clocks that jump, and
the one question that every fault test asks at its end.

LONG_S is how long a stall or burst lasts: short in CI, the full time in `make soak`.
"""

import asyncio
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import threading
import time

import reader
from servers import free_port

SOAK = os.environ.get("HANDOVER_SOAK") == "1"
LONG_S = 30 if SOAK else 2
CHUNK = 64 << 10


def assert_nothing_lost(source, target, move, writer=None, deadline_s=120, allowed=(), tolerance_ms=0):
    """The writer saw nothing wrong, both servers hold the same, and that is what was acknowledged.
    Expiries may still be held: no cutover was made. `allowed` are kinds of differences."""
    report = writer.stop() if writer else {"wrong": []}
    move.wait_caught_up(deadline_s=deadline_s)
    assert report["wrong"] == []
    found = [d for d in reader.compare(source, target, tolerance_ms, held_allowed=True) if d.kind not in allowed]
    assert found == [], reader.show(found)
    if writer:
        assert writer.check(source) == []  # and the target equals it, expiries held
    return report


class Relay:
    """Stands before a server and looks like it: a test hands it to a Migration in its place.

    `up` are the bytes to the server, `down` those from it. A stalled direction keeps its bytes and
    sends them later; a swallowed one loses them, and nobody is told."""

    def __init__(self, server):
        self.server = server
        self.port = free_port()
        self.delay_s = 0.0
        self.bytes_per_s = 0  # downwards; 0: as fast as it goes
        self.stalled = set()
        self.swallowing = False
        self._pairs = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __getattr__(self, name):
        return getattr(self.server, name)  # client, password, offset ...: of the server behind

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    # -- what a test asks for ----------------------------------------------------------------------

    def stall(self, *directions):
        self._do(lambda: self.stalled.update(directions or ("up", "down")))

    def flow(self):
        self._do(self.stalled.clear)

    def swallow(self, on):
        def do():
            self.swallowing = on
        self._do(do)

    def reset(self):
        """Both ends of every connection get a reset."""
        self._do(lambda: [_abort(w) for pair in self._pairs for w in pair])

    def half_open(self):
        """The server's ends are closed; those of the tool stay open, and silent."""
        def do():
            for near, far in self._pairs:
                near.handover_deaf = True
                _abort(far)
        self._do(do)

    def point_to(self, server):
        """New connections go there: what a moved name or address does."""
        def do():
            self.server = server
            for pair in self._pairs:
                for w in pair:
                    _abort(w)
        self._do(do)

    # -- inside ------------------------------------------------------------------------------------

    def _do(self, act):
        async def run():
            act()
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _main(self):
        asyncio.set_event_loop(self._loop)
        self._listener = self._loop.run_until_complete(
            asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=CHUNK))
        self._ready.set()
        self._loop.run_forever()

    async def _accepted(self, near_reader, near):
        near.handover_deaf = False
        while self.swallowing:  # nobody answers, nobody refuses
            if not await near_reader.read(CHUNK):
                return near.close()
        try:
            far_reader, far = await asyncio.open_connection(self.server.host, self.server.port, limit=CHUNK)
        except OSError:
            return _abort(near)
        pair = (near, far)
        self._pairs.append(pair)
        try:
            await asyncio.wait([asyncio.ensure_future(self._carry(near_reader, far, near, "up")),
                                asyncio.ensure_future(self._carry(far_reader, near, near, "down"))],
                               return_when=asyncio.ALL_COMPLETED)
        finally:
            self._pairs.remove(pair)
            for w in pair:
                _abort(w)

    async def _carry(self, source, sink, near, direction):
        """Reads at once, sends when it is time: a delay lengthens the way and not the pace."""
        waiting = asyncio.Queue(maxsize=256)
        sender = asyncio.ensure_future(self._send(waiting, sink, near, direction))
        with contextlib.suppress(OSError):
            while True:
                data = await source.read(CHUNK)
                if not data or sender.done():
                    break
                await waiting.put((self._loop.time(), data))
        if near.handover_deaf:
            while direction == "up" and await self._left(source):
                pass
            if direction == "down":
                sender.cancel()
                return  # the tool's end is not told
        await waiting.put((0, None))
        await sender
        if not near.handover_deaf:
            _abort(sink)

    @staticmethod
    async def _left(source):
        with contextlib.suppress(OSError):
            return await source.read(CHUNK)
        return b""

    async def _send(self, waiting, sink, near, direction):
        with contextlib.suppress(OSError):
            while True:
                came, data = await waiting.get()
                if data is None:
                    return
                while direction in self.stalled:
                    await asyncio.sleep(0.01)
                late = came + self.delay_s - self._loop.time()
                if late > 0:
                    await asyncio.sleep(late)
                if self.swallowing or near.handover_deaf:
                    continue
                sink.write(data)
                await sink.drain()
                if self.bytes_per_s and direction == "down":
                    await asyncio.sleep(len(data) / self.bytes_per_s)
        while (await waiting.get())[1] is not None:  # the sink is gone: the reader must not wait
            pass

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        async def end():
            self._listener.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def _abort(writer):
    """A reset, not a polite end."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Clock:
    """A wall clock of its own for one process, which a test sets while it runs (clock_shift.c)."""

    def __init__(self, shift_s=0):
        self._directory = tempfile.TemporaryDirectory(prefix="handover-clock-")
        self._path = pathlib.Path(self._directory.name) / "shift"
        self._library = pathlib.Path(self._directory.name) / "shift.so"
        self._path.write_bytes(bytes(8))
        self.set(shift_s)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library, pathlib.Path(__file__).with_name("clock_shift.c")],
                       check=True)

    def set(self, shift_s):
        with open(self._path, "r+b") as f:
            f.write(struct.pack("<q", int(shift_s * 1000)))

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self._library), "CLOCK_SHIFT_FILE": str(self._path)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._directory.cleanup()


class Repeatedly:
    """Does something every so many seconds, beside the test; counts."""

    def __init__(self, every_s, action):
        self.every_s, self.action, self.count, self.over = every_s, action, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(self.every_s):
            self.action()
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.over.set()
        self.thread.join(10)


def still_for(seconds):
    """The fault itself lasts: nothing to wait for but the time."""
    time.sleep(seconds)
