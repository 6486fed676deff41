// Cluster mode disabled; for cluster mode enabled and serverless GlideClusterClient and that endpoint.
import { GlideClient } from "@valkey/valkey-glide";

const cache = await GlideClient.createClient({
  addresses: [{ host: "PRIMARY_ENDPOINT", port: 6379 }], // never node endpoints
  useTLS: true,
  credentials: { username: "app", password: process.env.CACHE_PASSWORD },
  requestTimeout: 2000, // 250 ms by default: too short for a cutover or a failover
  connectionBackoff: { numberOfRetries: 8, factor: 100, exponentBase: 2 },
  advancedConfiguration: { connectionTimeout: 2000 },
});
