// The target needs maxmemory-policy noeviction and must not be serverless.
import { Queue, Worker } from "bullmq";

const connection = {
  host: "PRIMARY_ENDPOINT",
  port: 6379,
  tls: {},
  username: "app",
  password: process.env.CACHE_PASSWORD,
  connectTimeout: 2000,
  keepAlive: 30000,
  retryStrategy: (times) => Math.min(times * 200, 5000) + Math.random() * 200,
  // A blocked worker gets UNBLOCKED at a failover, a writer READONLY: connect again and repeat.
  reconnectOnError: (error) => (/^(READONLY|UNBLOCKED)/.test(error.message) ? 2 : false),
};
const queue = new Queue("jobs", { connection: { ...connection, enableOfflineQueue: false } });
const worker = new Worker("jobs", async (job) => job.data,
  { connection: { ...connection, maxRetriesPerRequest: null } });
queue.on("error", (error) => console.error("queue:", error.message));
worker.on("error", (error) => console.error("worker:", error.message));
