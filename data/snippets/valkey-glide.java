// Cluster mode disabled; for cluster mode enabled and serverless GlideClusterClient and that endpoint.
var config = GlideClientConfiguration.builder()
        .address(NodeAddress.builder().host("PRIMARY_ENDPOINT").port(6379).build()) // never a node
        .useTLS(true)
        .credentials(ServerCredentials.builder()
                .username("app").password(System.getenv("CACHE_PASSWORD")).build())
        .requestTimeout(2000) // 250 ms by default: too short for a cutover or a failover
        .reconnectStrategy(BackoffStrategy.builder()
                .numOfRetries(8).factor(100).exponentBase(2).build())
        .advancedConfiguration(AdvancedGlideClientConfiguration.builder()
                .connectionTimeout(2000).build())
        .build();
var cache = GlideClient.createClient(config).get();
