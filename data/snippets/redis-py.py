# redis-py 4.2 and later. The arguments belong to Redis(); from_url() and an own ConnectionPool do
# not take over its default of retries, so give them there too.
import os

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError
from redis.retry import Retry

cache = Redis(
    host="PRIMARY_ENDPOINT", port=6379, ssl=True,
    username="app", password=os.environ["CACHE_PASSWORD"],
    socket_connect_timeout=1, socket_timeout=2, socket_keepalive=True,
    health_check_interval=15,
    retry=Retry(ExponentialBackoff(cap=2, base=0.1), 8),
    # With ReadOnlyError here the connection is closed and the name looked up again. A write that
    # timed out may have been done: leave TimeoutError out where repeating INCR or LPUSH hurts.
    retry_on_error=[ConnectionError, TimeoutError, ReadOnlyError],
)
