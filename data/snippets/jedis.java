// Jedis 5 and later, cluster mode disabled. Cluster mode enabled: JedisCluster and the configuration endpoint.
Security.setProperty("networkaddress.cache.ttl", "5"); // before the first look-up: the name moves

var client = DefaultJedisClientConfig.builder()
        .ssl(true)
        .user("app").password(System.getenv("CACHE_PASSWORD"))
        .connectionTimeoutMillis(1000)
        .socketTimeoutMillis(2000)
        .build();
var pool = new ConnectionPoolConfig();
pool.setMaxTotal(64);
pool.setMaxWait(Duration.ofSeconds(1));
pool.setTestOnBorrow(true); // finds a dead connection; a demoted node still answers PING
var cache = new JedisPooled(new HostAndPort("PRIMARY_ENDPOINT", 6379), client, pool);

// Around every write: a demoted node is left at once.
try {
    cache.set("key", "value");
} catch (JedisDataException e) {
    if (!e.getMessage().startsWith("READONLY")) throw e;
    cache.getPool().clear(); // drops the idle connections; then try again with jitter
}
