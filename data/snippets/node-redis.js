// redis 5 and later; in version 4 destroy() is called disconnect() and socketTimeout is missing.
import { createClient } from "redis";

const cache = createClient({
  url: "rediss://PRIMARY_ENDPOINT:6379",
  username: "app",
  password: process.env.CACHE_PASSWORD,
  pingInterval: 10000,
  commandsQueueMaxLength: 10000,
  socket: {
    connectTimeout: 2000,
    socketTimeout: 30000, // above pingInterval; not for a client that blocks
    // Own strategy: the default one of version 6 gives up after a socket timeout.
    reconnectStrategy: (retries) => Math.min(100 * 2 ** retries, 2000) + Math.random() * 100,
  },
});
cache.on("error", (error) => console.error("cache:", error.message)); // without it the process ends
await cache.connect();

let again; // one reconnection for all writes that met READONLY
async function write(command) {
  try {
    return await command(cache);
  } catch (error) {
    if (!error.message.startsWith("READONLY")) throw error;
    again ??= (cache.destroy(), cache.connect().finally(() => (again = undefined)));
    await again;
    return command(cache);
  }
}
