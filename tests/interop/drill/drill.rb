# drill.rb default|recommended: a client of the failover drill (docs/drill.md), one write after the other.
require "redis"

def drill(name) = ENV["HANDOVER_DRILL_#{name}"]

def say(line)
  $stdout.puts line.split.join(" ")
  $stdout.flush
end

recommended = ARGV[0] == "recommended"
more = recommended ? { timeout: 1, reconnect_attempts: 5, reconnect_delay: 0.2, reconnect_delay_max: 2 } : {}
client = Redis.new(host: drill("HOST"), port: Integer(drill("PORT")), id: drill("NAME"), **more)
say "library redis-rb #{Redis::VERSION}"
(1..).each do |n|
  client.set(drill("PREFIX") + n.to_s, "1", ex: Integer(drill("EXPIRY_S")))
  say "ok #{n}"
rescue Redis::BaseError, SystemCallError, SocketError => e
  say "error #{e.class} #{e.message}"
  client.close if recommended && e.message.include?("READONLY")
ensure
  sleep 0.03
end
