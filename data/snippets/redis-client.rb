# redis-client 0.11.2 and later: READONLY closes the connection, but nothing is retried by default.
config = RedisClient.config(
  url: "rediss://PRIMARY_ENDPOINT:6379",
  username: "app", password: ENV.fetch("CACHE_PASSWORD"),
  connect_timeout: 1, read_timeout: 2, write_timeout: 2,
  reconnect_attempts: [0, 0.25, 1, 2, 5]
)
cache = config.new_pool(timeout: 1, size: 10)
