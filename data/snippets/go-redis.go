// go-redis 9.19 and later (before that, READONLY out of a script is not recognised).
cache := redis.NewClient(&redis.Options{
	Addr:            "PRIMARY_ENDPOINT:6379",
	Username:        "app",
	Password:        os.Getenv("CACHE_PASSWORD"),
	TLSConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	DialTimeout:     time.Second,
	ReadTimeout:     2 * time.Second,
	WriteTimeout:    2 * time.Second,
	MaxRetries:      10, // 3 by default spans about 2 s, a failover takes longer
	MinRetryBackoff: 100 * time.Millisecond,
	MaxRetryBackoff: 2 * time.Second,
	ConnMaxLifetime: 5 * time.Minute, // old connections end by themselves after the cutover
})
