// client LIBRARY PORT: connects, uses a key, says "ready", stays until its input ends.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

func main() {
	address := "127.0.0.1:" + os.Args[2]
	ctx := context.Background()
	var err error
	switch os.Args[1] {
	case "go-redis":
		err = redis.NewClient(&redis.Options{Addr: address}).Set(ctx, "go-redis", "1", 0).Err()
	case "rueidis":
		var client rueidis.Client
		client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, DisableCache: true})
		if err == nil {
			err = client.Do(ctx, client.B().Set().Key("rueidis").Value("1").Build()).Error()
		}
	default:
		err = fmt.Errorf("no library is called %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
