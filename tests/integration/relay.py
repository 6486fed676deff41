"""A relay in front of a server whose way can be made slow.

    with Relay(target) as relay:
        migration = Migration(source, relay)   # it has the address and the password of the target
        relay.delay_s = 0.05                   # every byte from the server arrives this much later
        relay.replace = (b"abc", b"xyz")       # what the server says so, arrives otherwise (of one length)
"""

import selectors
import socket
import threading
import time


class Relay:
    def __init__(self, server):
        self.server = server
        self.password = server.password
        self.host = "127.0.0.1"
        self.delay_s = 0.0
        self.replace = None
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://{self.host}:{self.port}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(10)
        self._listener.close()

    def client(self, **more):
        return self.server.client(**more)

    def _run(self):
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ, None)
        waiting = []  # (when it is due, where to, bytes), in order
        while not self._over.is_set():
            for key, _ in selector.select(0.001 if waiting else 0.02):
                if key.data is None:
                    near, _address = self._listener.accept()
                    far = socket.create_connection((self.server.host, self.server.port))
                    selector.register(near, selectors.EVENT_READ, (far, False))
                    selector.register(far, selectors.EVENT_READ, (near, True))
                    continue
                other, answers = key.data
                try:
                    data = key.fileobj.recv(1 << 18)
                except OSError:
                    data = b""
                if answers and self.replace:
                    data = data.replace(*self.replace)
                waiting.append((time.monotonic() + (self.delay_s if answers else 0), other, data))
                if not data:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            later = []
            for due, other, data in waiting:
                if due > now:
                    later.append((due, other, data))
                    continue
                try:
                    if data:
                        other.sendall(data)
                    else:
                        other.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            waiting = later
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        selector.close()
