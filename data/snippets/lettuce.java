// Lettuce 6.3 and later, with netty's native transport (epoll) for TCP_USER_TIMEOUT.
Security.setProperty("networkaddress.cache.ttl", "5"); // before the first look-up: the name moves

var resources = ClientResources.builder()
        .dnsResolver(new DirContextDnsResolver())
        .reconnectDelay(Delay.fullJitter(
                Duration.ofMillis(100), Duration.ofSeconds(10), 100, TimeUnit.MILLISECONDS))
        .build();
var socket = SocketOptions.builder()
        .connectTimeout(Duration.ofMillis(500)) // below the command timeout
        .keepAlive(SocketOptions.KeepAliveOptions.builder().enable()
                .idle(Duration.ofSeconds(5)).interval(Duration.ofSeconds(5)).count(3).build())
        .tcpUserTimeout(SocketOptions.TcpUserTimeoutOptions.builder().enable()
                .tcpUserTimeout(Duration.ofSeconds(20)).build())
        .build();
var uri = RedisURI.builder().withHost("PRIMARY_ENDPOINT").withPort(6379).withSsl(true)
        .withAuthentication("app", System.getenv("CACHE_PASSWORD").toCharArray())
        .build();
var client = RedisClient.create(resources, uri);
client.setOptions(ClientOptions.builder()
        .socketOptions(socket)
        .timeoutOptions(TimeoutOptions.enabled(Duration.ofSeconds(1)))
        .requestQueueSize(10_000) // unbounded by default
        .build());
