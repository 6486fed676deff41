// Cluster mode disabled; for cluster mode enabled and serverless NewClusterClient and that endpoint.
cache, err := glide.NewClient(config.NewClientConfiguration().
	WithAddress(&config.NodeAddress{Host: "PRIMARY_ENDPOINT", Port: 6379}). // never a node
	WithUseTLS(true).
	WithCredentials(config.NewServerCredentials("app", os.Getenv("CACHE_PASSWORD"))).
	WithRequestTimeout(2 * time.Second). // 250 ms by default: too short for a cutover or a failover
	WithReconnectStrategy(config.NewBackoffStrategy(8, 100, 2)).
	WithAdvancedConfiguration(config.NewAdvancedClientConfiguration().
		WithConnectionTimeout(2 * time.Second)))
