"""A client for the failover drill: writes with the settings of your application, says what became of each write."""

import os
import time

import redis

drill = {name[15:]: value for name, value in os.environ.items() if name.startswith("HANDOVER_DRILL_")}
password = open(drill["PASSWORD_FILE"]).read() if drill["PASSWORD_FILE"] else None
tls = {"ssl": True, "ssl_ca_certs": drill["CA"] or None} if drill["TLS"] == "1" else {}
client = redis.Redis(drill["HOST"], int(drill["PORT"]), int(drill["DB"]), username=drill["USER"] or None, password=password,
                     client_name=drill["NAME"], socket_timeout=1, **tls)  # the settings of your application
print("library redis-py", redis.__version__, flush=True)
n = 0
while True:
    n += 1
    try:
        client.set(drill["PREFIX"] + str(n), 1, ex=int(drill["EXPIRY_S"]))
        print("ok", n, flush=True)
    except redis.RedisError as problem:
        print("error", problem, flush=True)
    time.sleep(0.02)
