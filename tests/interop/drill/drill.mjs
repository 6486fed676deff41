// drill.mjs LIBRARY default|recommended: a client of the failover drill (docs/drill.md), one write after the other.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [, , library, settings] = process.argv;
const modules = `${process.env.INTEROP_STORE}/node`;
const load = createRequire(`${modules}/package.json`);
const drill = (name) => process.env[`HANDOVER_DRILL_${name}`];
const host = drill("HOST"), port = Number(drill("PORT")), expiry = Number(drill("EXPIRY_S"));
const recommended = settings === "recommended";
const say = (...words) => process.stdout.write(words.join(" ").replace(/\s+/g, " ") + "\n");
const failed = (error) => say("error", error.message || error.errors?.[0]?.message || error.code || error.constructor.name);
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const retry = (times) => Math.min(times * 100, 1000);

// Each answers a function that writes one key.
const libraries = {
  async ioredis(package_ = "ioredis") {
    const Redis = load(package_).Redis ?? load(package_);
    const client = new Redis({ host, port, connectionName: drill("NAME"), ...(recommended && {
      connectTimeout: 1000, commandTimeout: 1000, socketTimeout: 2000, keepAlive: 5000, maxRetriesPerRequest: 3,
      retryStrategy: retry, reconnectOnError: (error) => (/READONLY|UNBLOCKED/.test(error.message) ? 2 : false) }) });
    client.on("error", failed);
    return (key) => client.set(key, "1", "EX", expiry);
  },
  iovalkey: () => libraries.ioredis("iovalkey"),
  async "node-redis"() {
    const client = load("redis").createClient({ name: drill("NAME"), ...(recommended && { pingInterval: 1000, commandOptions: { timeout: 1000 } }),
      socket: { host, port, ...(recommended && { connectTimeout: 1000, socketTimeout: 2000, reconnectStrategy: retry }) } });
    client.on("error", failed);
    await client.connect();
    return async (key) => {
      try {
        await client.set(key, "1", { EX: expiry });
      } catch (error) {
        if (recommended && /READONLY/.test(error.message)) {
          client.destroy();
          await client.connect();
        }
        throw error;
      }
    };
  },
  async "valkey-glide"() {
    const { GlideClient, TimeUnit } = load("@valkey/valkey-glide");
    const client = await GlideClient.createClient({ addresses: [{ host, port }], clientName: drill("NAME"),
      ...(recommended && { requestTimeout: 1000, connectionBackoff: { numberOfRetries: 10, factor: 100, exponentBase: 2 } }) });
    return (key) => client.set(key, "1", { expiry: { type: TimeUnit.Seconds, count: expiry } });
  },
};

const packages = { "node-redis": "redis", "valkey-glide": "@valkey/valkey-glide" };
const folder = `${modules}/node_modules/${packages[library] ?? library}`;
say("library", library, JSON.parse(readFileSync(`${folder}/package.json`)).version);
const write = await libraries[library]();
for (let n = 1; ; n++) {
  await write(drill("PREFIX") + n).then(() => say("ok", n), failed);
  await rest(30);
}
