// Redisson 3, single server mode: the primary endpoint follows a failover, Redisson polls the name.
var config = new Config();
config.useSingleServer()
        .setAddress("rediss://PRIMARY_ENDPOINT:6379")
        .setUsername("app").setPassword(System.getenv("CACHE_PASSWORD"))
        .setConnectTimeout(2000)
        .setTimeout(2000)
        .setRetryAttempts(10) // attempts x delay must outlast a failover: 10 x 1.5 s
        .setDnsMonitoringInterval(5000) // serverless: 60000, its addresses rotate
        .setPingConnectionInterval(15000)
        .setKeepAlive(true);
var cache = Redisson.create(config);
