<?php
// predis 3.4 and later for 'retry'; before that, catch ConnectionException and repeat.
use Predis\Client;
use Predis\Response\ServerException;
use Predis\Retry\Retry;
use Predis\Retry\Strategy\ExponentialBackoff;

$cache = new Client([
    'scheme' => 'tls',
    'host' => 'PRIMARY_ENDPOINT',
    'port' => 6379,
    'username' => 'app',
    'password' => getenv('CACHE_PASSWORD'),
    'timeout' => 1.0,            // connect
    'read_write_timeout' => 2.0, // 60 s by default
    'persistent' => false,
    'retry' => new Retry(new ExponentialBackoff(100000, 2000000, true), 5), // microseconds
]);
try {
    $cache->set('key', 'value');
} catch (ServerException $e) {
    if (strpos($e->getMessage(), 'READONLY') !== 0) throw $e;
    $cache->disconnect(); // the next command connects again and looks the name up
    $cache->set('key', 'value');
}
