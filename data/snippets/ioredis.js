import Redis from "ioredis";

const cache = new Redis({
  host: "PRIMARY_ENDPOINT",
  port: 6379,
  tls: {},
  username: "app",
  password: process.env.CACHE_PASSWORD,
  connectTimeout: 2000,
  commandTimeout: 2000, // not on a connection that blocks (BLPOP, XREAD BLOCK) or subscribes
  keepAlive: 30000,
  maxRetriesPerRequest: 10,
  retryStrategy: (times) => Math.min(times * 100, 2000) + Math.random() * 100,
  // A demoted node: connect again, which looks the name up, and repeat the command (2).
  reconnectOnError: (error) => (/^(READONLY|UNBLOCKED)/.test(error.message) ? 2 : false),
});
cache.on("error", (error) => console.error("cache:", error.message));
// Cluster mode enabled with TLS: new Redis.Cluster([{ host: "CONFIGURATION_ENDPOINT" }],
//   { dnsLookup: (address, callback) => callback(null, address), redisOptions: { tls: {} } })
