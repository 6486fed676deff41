# Sidekiq 7 and later. The target needs maxmemory-policy noeviction: anything else loses jobs.
redis = {
  url: "rediss://PRIMARY_ENDPOINT:6379",
  username: "app", password: ENV.fetch("CACHE_PASSWORD"),
  timeout: 5, reconnect_attempts: [0, 0.25, 1, 2, 5]
}
Sidekiq.configure_server { |config| config.redis = redis }
Sidekiq.configure_client { |config| config.redis = redis }
