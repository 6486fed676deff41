<?php
// phpredis 5.3.5 and later. No pconnect across the cutover: its sockets outlive the request, so
// restart the workers (FPM, Horizon, Octane) right after it.
$cache = new Redis();
$cache->setOption(Redis::OPT_MAX_RETRIES, 5);
$cache->setOption(Redis::OPT_BACKOFF_ALGORITHM, Redis::BACKOFF_ALGORITHM_DECORRELATED_JITTER);
$cache->setOption(Redis::OPT_BACKOFF_BASE, 100);
$cache->setOption(Redis::OPT_BACKOFF_CAP, 2000);
$cache->connect('tls://PRIMARY_ENDPOINT', 6379, 1.0 /* connect */, null, 0, 2.0 /* read */);
$cache->auth(['app', getenv('CACHE_PASSWORD')]);
// A RedisException that starts with READONLY: $cache->close(), connect again, repeat.
