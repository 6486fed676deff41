"""client.py LIBRARY PORT: connects, uses a key, says "ready", stays until its input ends."""

import importlib
import os
import sys
import threading

library, port = sys.argv[1], int(sys.argv[2])


def wait():
    os.write(1, b"ready\n")  # Celery turns print into a log line
    sys.stdin.read()
    os._exit(0)


if library == "celery":
    from celery import Celery

    app = Celery("interop", broker=f"redis://127.0.0.1:{port}/0", backend=f"redis://127.0.0.1:{port}/1")
    app.conf.update(broker_connection_retry_on_startup=True)

    @app.task(name="add")
    def add():
        return 2

    def send():
        assert app.send_task("add").get(timeout=30) == 2
        wait()

    threading.Thread(target=send, daemon=True).start()
    app.worker_main(["worker", "--loglevel", "ERROR", "--pool", "solo"])
else:
    module = importlib.import_module(library)  # redis, valkey
    client = getattr(module, library.capitalize())(host="127.0.0.1", port=port)
    client.set(library, "1")
    wait()
