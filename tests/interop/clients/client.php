<?php
// client.php PORT: phpredis connects, uses a key, says "ready", stays until its input ends.
$client = new Redis();
$client->connect('127.0.0.1', (int)$argv[1]);
$client->set('phpredis', '1');
echo "ready\n";
stream_get_contents(STDIN);
