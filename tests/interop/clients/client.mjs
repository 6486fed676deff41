// client.mjs LIBRARY PORT: connects, uses a key, says "ready", stays until its input ends.
import { createRequire } from "node:module";

const [, , library, port] = process.argv;
const host = "127.0.0.1";
const load = createRequire(`${process.env.INTEROP_STORE}/node/package.json`);
const connect = {
  async "node-redis"() {
    const client = load("redis").createClient({ socket: { host, port: Number(port) } });
    await client.connect();
    await client.set("node-redis", "1");
  },
  async ioredis() {
    const { Redis } = load("ioredis");
    await new Redis({ host, port }).set("ioredis", "1");
  },
  async iovalkey() {
    const Redis = load("iovalkey");
    await new (Redis.default ?? Redis)({ host, port }).set("iovalkey", "1");
  },
  async "valkey-glide"() {
    const { GlideClient } = load("@valkey/valkey-glide");
    const client = await GlideClient.createClient({ addresses: [{ host, port: Number(port) }] });
    await client.set("valkey-glide", "1");
  },
  async bullmq() {
    const { Queue, Worker } = load("bullmq");
    const connection = { host, port: Number(port), maxRetriesPerRequest: null };
    const queue = new Queue("mail", { connection });
    const done = new Promise((resolve) => {
      const worker = new Worker("mail", async () => 1, { connection });
      worker.on("completed", resolve);
    });
    await queue.add("one", { to: "someone" });
    await done;
  },
};

await connect[library]();
console.log("ready");
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
