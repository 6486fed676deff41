// drill LIBRARY default|recommended: a client of the failover drill (docs/drill.md), one write after the other.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

func drill(name string) string { return os.Getenv("HANDOVER_DRILL_" + name) }

func version(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

func goRedis(address string, expiry time.Duration, recommended bool) func(string) error {
	options := &redis.Options{Addr: address, ClientName: drill("NAME")}
	if recommended {
		options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Second, time.Second, time.Second
		options.MaxRetries, options.MaxRetryBackoff = 10, 2*time.Second
		options.ConnMaxLifetime = 10 * time.Second
	}
	client := redis.NewClient(options)
	return func(key string) error { return client.Set(context.Background(), key, "1", expiry).Err() }
}

func rueidisClient(address string, expiry time.Duration, recommended bool) func(string) error {
	option := rueidis.ClientOption{InitAddress: []string{address}, DisableCache: true, ClientName: drill("NAME")}
	if recommended {
		option.ConnLifetime = 10 * time.Second
		option.ConnWriteTimeout = time.Second
		option.Dialer.Timeout, option.Dialer.KeepAlive = time.Second, time.Second
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return func(key string) error {
		err := client.Do(context.Background(), client.B().Set().Key(key).Value("1").Ex(expiry).Build()).Error()
		if recommended && err != nil && strings.Contains(err.Error(), "READONLY") {
			client.Close()
			if again, failed := rueidis.NewClient(option); failed == nil {
				client = again
			}
		}
		return err
	}
}

func main() {
	address := drill("HOST") + ":" + drill("PORT")
	seconds, _ := strconv.Atoi(drill("EXPIRY_S"))
	expiry, recommended := time.Duration(seconds)*time.Second, os.Args[2] == "recommended"
	var write func(string) error
	switch os.Args[1] {
	case "go-redis":
		write = goRedis(address, expiry, recommended)
		fmt.Println("library go-redis", version("github.com/redis/go-redis/v9"))
	case "rueidis":
		write = rueidisClient(address, expiry, recommended)
		fmt.Println("library rueidis", version("github.com/redis/rueidis"))
	}
	for n := 1; ; n++ {
		if err := write(drill("PREFIX") + strconv.Itoa(n)); err != nil {
			fmt.Println("error", strings.Join(strings.Fields(err.Error()), " "))
		} else {
			fmt.Println("ok", n)
		}
		time.Sleep(30 * time.Millisecond)
	}
}
