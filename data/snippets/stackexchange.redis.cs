// StackExchange.Redis 2.7.10 and later (earlier ones may stall for 15 minutes on Linux).
var options = new ConfigurationOptions
{
    EndPoints = { { "PRIMARY_ENDPOINT", 6379 } },
    Ssl = true,
    User = "app",
    Password = Environment.GetEnvironmentVariable("CACHE_PASSWORD"),
    AbortOnConnectFail = false, // keep trying instead of failing for ever
    ResolveDns = false,         // true would keep the address it found first
    ConnectTimeout = 2000,
    SyncTimeout = 2000,
    AsyncTimeout = 2000,
    ConnectRetry = 5,
    KeepAlive = 15,
    ReconnectRetryPolicy = new ExponentialRetry(500, 5000),
};
var cache = await ConnectionMultiplexer.ConnectAsync(options);
// A RedisServerException that starts with READONLY: dispose this multiplexer and make another, once
// for the process and not more often than every 30 s.
