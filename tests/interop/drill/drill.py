"""drill.py LIBRARY default|recommended: a client of the failover drill (docs/drill.md), one write after the other."""

import importlib
import os
import sys
import time

library, settings = sys.argv[1:]
module = importlib.import_module("valkey" if library == "valkey-py" else "redis")
drill = {name[15:]: value for name, value in os.environ.items() if name.startswith("HANDOVER_DRILL_")}
recommended = {}
if settings == "recommended":
    lost = [module.exceptions.ConnectionError, module.exceptions.TimeoutError]
    recommended = {"socket_timeout": 1, "socket_connect_timeout": 1, "socket_keepalive": True, "health_check_interval": 15}
    recommended.update(retry_on_error=lost, retry=importlib.import_module(f"{module.__name__}.retry").Retry(
        importlib.import_module(f"{module.__name__}.backoff").ExponentialBackoff(cap=1, base=0.1), 3))


def say(*words):
    print(*" ".join(map(str, words)).split(), flush=True)


client = getattr(module, module.__name__.capitalize())(
    drill["HOST"], int(drill["PORT"]), client_name=drill["NAME"], **recommended)
say("library", library, module.__version__)
n = 0
while True:
    n += 1
    try:
        client.set(drill["PREFIX"] + str(n), 1, ex=int(drill["EXPIRY_S"]))
        say("ok", n)
    except module.exceptions.RedisError if module.__name__ == "redis" else module.exceptions.ValkeyError as problem:
        say("error", type(problem).__name__, problem)
        if recommended and isinstance(problem, module.exceptions.ReadOnlyError):
            client.connection_pool.disconnect()
    time.sleep(0.03)
