// Client.java LIBRARY PORT: connects, uses a key, says "ready", stays until its input ends.
import io.lettuce.core.RedisClient;
import org.redisson.Redisson;
import org.redisson.config.Config;
import redis.clients.jedis.JedisPooled;

class Client {
    public static void main(String[] words) throws Exception {
        int port = Integer.parseInt(words[1]);
        switch (words[0]) {
            case "jedis" -> new JedisPooled("127.0.0.1", port).set("jedis", "1");
            case "lettuce" -> RedisClient.create("redis://127.0.0.1:" + port).connect().sync().set("lettuce", "1");
            case "redisson" -> {
                var config = new Config();
                config.useSingleServer().setAddress("redis://127.0.0.1:" + port).setConnectionMinimumIdleSize(1);
                Redisson.create(config).getBucket("redisson").set("1");
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
        System.out.println("ready");
        System.in.readAllBytes();
        Runtime.getRuntime().halt(0);
    }
}
