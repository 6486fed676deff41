# redis 5.0.6 and later: READONLY closes the connection and is retried. Older: upgrade first.
cache = Redis.new(
  url: "rediss://PRIMARY_ENDPOINT:6379",
  username: "app", password: ENV.fetch("CACHE_PASSWORD"),
  connect_timeout: 1, read_timeout: 2, write_timeout: 2,
  reconnect_attempts: [0, 0.25, 1, 2, 5]
)
