# client.rb PORT: redis-rb connects, uses a key, says "ready", stays until its input ends.
require "redis"

Redis.new(host: "127.0.0.1", port: Integer(ARGV[0])).set("redis-rb", "1")
$stdout.puts "ready"
$stdout.flush
$stdin.read
