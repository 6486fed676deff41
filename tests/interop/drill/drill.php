<?php
// drill.php default|recommended: a client of the failover drill (docs/drill.md), one write after the other.
$drill = fn($name) => getenv("HANDOVER_DRILL_$name");
$recommended = $argv[1] === 'recommended';

function opened($drill, $recommended)
{
    $client = new Redis();
    if ($recommended) {
        $client->connect($drill('HOST'), (int)$drill('PORT'), 1.0, null, 0, 1.0);
        $client->setOption(Redis::OPT_MAX_RETRIES, 3);
        $client->setOption(Redis::OPT_BACKOFF_ALGORITHM, Redis::BACKOFF_ALGORITHM_DECORRELATED_JITTER);
        $client->setOption(Redis::OPT_BACKOFF_BASE, 100);
        $client->setOption(Redis::OPT_BACKOFF_CAP, 1000);
    } else {
        $client->connect($drill('HOST'), (int)$drill('PORT'));
    }
    $client->client('setname', $drill('NAME'));
    return $client;
}

function say($line)
{
    fwrite(STDOUT, preg_replace('/\s+/', ' ', $line) . "\n");
}

say('library phpredis ' . phpversion('redis'));
$client = opened($drill, $recommended);
for ($n = 1;; $n++) {
    try {
        $client ??= opened($drill, $recommended);
        $client->clearLastError();
        if (@$client->set($drill('PREFIX') . $n, '1', ['EX' => (int)$drill('EXPIRY_S')])) {
            say("ok $n");
        } else {
            $told = $client->getLastError() ?? 'false';
            say("error $told");
            if ($recommended && str_contains($told, 'READONLY')) {
                $client->close();
                $client = null;
            }
        }
    } catch (RedisException $problem) {
        say('error ' . $problem->getMessage());
        if ($recommended) {
            $client = null;
        }
    }
    usleep(30000);
}
