// Drill.java LIBRARY default|recommended: a client of the failover drill (docs/drill.md), one write after the other.
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SetArgs;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import org.redisson.Redisson;
import org.redisson.config.Config;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.params.SetParams;

class Drill {
    interface Write {
        void one(String key) throws Exception;
    }

    static final String host = drill("HOST"), name = drill("NAME");
    static final int port = Integer.parseInt(drill("PORT")), expiry = Integer.parseInt(drill("EXPIRY_S"));

    static String drill(String name) {
        return System.getenv("HANDOVER_DRILL_" + name);
    }

    static void say(String line) {
        System.out.println(line.replaceAll("\\s+", " "));
        System.out.flush();
    }

    static Write jedis(boolean recommended) {
        var client = DefaultJedisClientConfig.builder().clientName(name);
        if (!recommended) {
            var jedis = new JedisPooled(new HostAndPort(host, port), client.build());
            return key -> jedis.set(key, "1", SetParams.setParams().ex(expiry));
        }
        var pool = new ConnectionPoolConfig();
        pool.setTestOnBorrow(true);
        var jedis = new JedisPooled(new HostAndPort(host, port),
            client.connectionTimeoutMillis(1000).socketTimeoutMillis(1000).build(), pool);
        return key -> {
            try {
                jedis.set(key, "1", SetParams.setParams().ex(expiry));
            } catch (RuntimeException problem) {
                if (String.valueOf(problem.getMessage()).contains("READONLY")) jedis.getPool().clear();
                throw problem;
            }
        };
    }

    static Write lettuce(boolean recommended) {
        var uri = RedisURI.builder().withHost(host).withPort(port).withClientName(name);
        var client = RedisClient.create(recommended ? uri.withTimeout(Duration.ofSeconds(1)).build() : uri.build());
        if (recommended) {
            client.setOptions(ClientOptions.builder()
                .socketOptions(SocketOptions.builder().connectTimeout(Duration.ofSeconds(1)).keepAlive(true).build())
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofSeconds(1))).requestQueueSize(1000).build());
        }
        var held = new Object() {
            StatefulRedisConnection<String, String> connection;
        };
        return key -> {
            if (held.connection == null) held.connection = client.connect();
            try {
                held.connection.sync().set(key, "1", SetArgs.Builder.ex(expiry));
            } catch (RuntimeException problem) {
                String text = problem.toString();
                if (recommended && (text.contains("READONLY") || text.contains("imed out"))) {
                    held.connection.closeAsync();
                    held.connection = null;
                }
                throw problem;
            }
        };
    }

    static Write redisson(boolean recommended) {
        var config = new Config();
        var server = config.useSingleServer().setAddress("redis://" + host + ":" + port).setClientName(name);
        if (recommended) server.setTimeout(1000).setConnectTimeout(1000).setRetryAttempts(5).setRetryInterval(1000);
        var redisson = Redisson.create(config);
        return key -> redisson.getBucket(key).set("1", Duration.ofSeconds(expiry));
    }

    public static void main(String[] words) throws Exception {
        boolean recommended = words[1].equals("recommended");
        if (recommended) java.security.Security.setProperty("networkaddress.cache.ttl", "5");
        Write write = switch (words[0]) {
            case "jedis" -> jedis(recommended);
            case "lettuce" -> lettuce(recommended);
            case "redisson" -> redisson(recommended);
            default -> throw new IllegalArgumentException(words[0]);
        };
        say("library " + words[0] + " " + words[2]);
        for (long n = 1;; n++) {
            try {
                write.one(drill("PREFIX") + n);
                say("ok " + n);
            } catch (Exception problem) {
                Throwable cause = problem;
                while (cause.getCause() != null && cause.getCause() != cause) cause = cause.getCause();
                say("error " + problem + (cause == problem ? "" : ": " + cause));
            }
            Thread.sleep(30);
        }
    }
}
