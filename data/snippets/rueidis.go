// rueidis: READONLY is not acted on, so no connection may live for long.
cache, err := rueidis.NewClient(rueidis.ClientOption{
	InitAddress:       []string{"PRIMARY_ENDPOINT:6379"},
	ForceSingleClient: true, // cluster mode disabled; without it for the configuration endpoint
	Username:          "app",
	Password:          os.Getenv("CACHE_PASSWORD"),
	TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
	Dialer:            net.Dialer{Timeout: time.Second, KeepAlive: time.Second},
	ConnWriteTimeout:  5 * time.Second,
	ConnLifetime:      2 * time.Minute,
})
