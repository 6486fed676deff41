# Celery 5.3 and later. The target needs maxmemory-policy noeviction. Cluster mode disabled only:
# kombu speaks no cluster protocol. Supervise the workers and restart them at the cutover.
import os
from urllib.parse import quote

from celery import Celery

secret = quote(os.environ["CACHE_PASSWORD"], safe="")
server = f"rediss://app:{secret}@PRIMARY_ENDPOINT:6379/%d?ssl_cert_reqs=required"
app = Celery("app", broker=server % 0, backend=server % 1)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # 100 by default, then the worker stops
    broker_channel_error_retry=True,  # else READONLY ends the worker
    broker_transport_options={
        "socket_connect_timeout": 2, "socket_timeout": 10, "socket_keepalive": True,
        "retry_on_timeout": True, "health_check_interval": 15,
    },
    redis_socket_connect_timeout=2, redis_socket_timeout=5, redis_socket_keepalive=True,
    redis_retry_on_timeout=True, redis_backend_health_check_interval=15,
)
