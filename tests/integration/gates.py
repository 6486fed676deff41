"""A gate in front of a sandbox's API: it sees each call by its action, and can refuse it, or stop the caller there."""

import http.client
import http.server
import threading
import urllib.parse
from xml.sax.saxutils import escape


class Gate:
    """`rule(action, form)` answers None (pass it on), (status, code, message) to refuse, or a callable that is called
    with `forward` and answers bytes or None: then the connection ends without an answer."""

    def __init__(self, sandbox):
        self.target = urllib.parse.urlsplit(sandbox.status()["endpoint"])
        self.rule = lambda action, form: None
        self.change = lambda action, answer: answer  # of what is passed on
        self.actions = []  # of all calls, in order

    def __enter__(self):
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # an answer is one write

            def log_message(self, *_):
                pass

            def do_POST(self):
                gate.handle(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def writes(self):
        return [one for one in self.actions if not one.startswith(("Describe", "List"))]

    def handle(self, caller):
        body = caller.rfile.read(int(caller.headers["Content-Length"]))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        self.actions.append(form["Action"])
        verdict = self.rule(form["Action"], form)
        if callable(verdict):
            verdict(lambda: self.forward(caller, body))
            caller.close_connection = True
            return
        status, answer = self.refusal(*verdict) if verdict else self.forward(caller, body)
        caller.send_response(status)
        caller.send_header("Content-Type", "text/xml")
        caller.send_header("Content-Length", str(len(answer)))
        caller.end_headers()
        caller.wfile.write(answer)

    @staticmethod
    def refusal(status, code, message):
        return status, (f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
                        "</Error><RequestId>gate</RequestId></ErrorResponse>").encode()

    def forward(self, caller, body):
        """The signature is over the Host that the caller used, so it goes along unchanged."""
        there = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        try:
            there.request("POST", caller.path, body, dict(caller.headers))
            answer = there.getresponse()
            return answer.status, self.change(self.actions[-1], answer.read())
        finally:
            there.close()
