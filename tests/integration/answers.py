"""A small HTTP server for tests: answers from a table, and what it was asked.

    with Answers({("PUT", "/latest/api/token"): "TOKEN"}) as server:
        ... server.url ...
        server.asked[0].headers["..."]

An answer is a text, a tuple (status, text[, headers]), a list of these (one a request, the last for
ever), or a function of the request. None: the connection is closed without a word. What is not in
the table is a 404.
"""

import collections
import http.server
import threading
import time

Asked = collections.namedtuple("Asked", "method path headers body at")


class Answers:
    def __init__(self, table):
        self.table, self.asked, self.lock = table, [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                outer.handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, asked):
        with self.lock:
            self.asked.append(asked)
            found = self.table.get((asked.method, asked.path), (404, "nothing here"))
            if isinstance(found, list):
                found = found.pop(0) if len(found) > 1 else found[0]
        return found(asked) if callable(found) else found

    def handle(self, request):
        size = int(request.headers.get("Content-Length", 0))
        asked = Asked(request.command, request.path, request.headers, request.rfile.read(size), time.monotonic())
        found = self.answer(asked)
        if found is None:
            request.close_connection = True
            return
        status, text, headers = (found + ({},))[:3] if isinstance(found, tuple) else (200, found, {})
        body = text if isinstance(text, bytes) else text.encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        if "Content-Length" not in headers:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
