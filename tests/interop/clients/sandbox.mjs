// The AWS SDK for JavaScript against a sandbox, from the environment. Prints one line of JSON.
// It runs beside its node_modules: a copy in .cache/interop/sdk.
import { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command,
  DeleteObjectsCommand, DeleteBucketCommand, PutObjectAclCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { ElastiCacheClient, CreateSnapshotCommand, DescribeSnapshotsCommand, CopySnapshotCommand } from "@aws-sdk/client-elasticache";
import { Readable } from "node:stream";
import { createHash, randomBytes } from "node:crypto";

const Bucket = "from-js";
const s3 = new S3Client({ maxAttempts: 1 });
const told = {};

async function fault(call) {
  try {
    await call();
    return "none";
  } catch (error) {
    return `${error.name} ${error.$metadata?.httpStatusCode}`;
  }
}

async function read(Key, more = {}) {
  const got = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await got.Body.transformToByteArray());
}

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

await s3.send(new CreateBucketCommand({ Bucket }));
await s3.send(new PutObjectCommand({ Bucket, Key: "a b/ü+%", Body: "text", Metadata: { k: "v" } }));
told.text = (await read("a b/ü+%")).toString();
told.head = (await s3.send(new HeadObjectCommand({ Bucket, Key: "a b/ü+%" }))).Metadata;

// A stream of a known length goes out in chunks, with its checksum behind them.
const stream = randomBytes(3_000_000);
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  await s3.send(new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from([stream.subarray(0, 1_000_000), stream.subarray(1_000_000)]),
    ContentLength: stream.length, ChecksumAlgorithm }));
  told[ChecksumAlgorithm] = digest(await read("stream", { ChecksumMode: "ENABLED" })) === digest(stream);
}

const large = randomBytes(12 * 1024 * 1024 + 5);
await new Upload({ client: s3, params: { Bucket, Key: "large", Body: Readable.from(large) } }).done();
told.large = digest(await read("large")) === digest(large);
told.range = (await read("large", { Range: "bytes=5242878-5242882" })).equals(large.subarray(5242878, 5242883));

told.keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket })) told.keys.push(...page.Contents.map((o) => o.Key));
told.missing = await fault(() => s3.send(new GetObjectCommand({ Bucket, Key: "none" })));
told.acl = await fault(() => s3.send(new PutObjectAclCommand({ Bucket, Key: "large", ACL: "private" })));
told.full = await fault(() => s3.send(new DeleteBucketCommand({ Bucket })));
await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: told.keys.map((Key) => ({ Key })) } }));
told.left = (await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount;
await s3.send(new DeleteBucketCommand({ Bucket }));

const cache = new ElastiCacheClient({ maxAttempts: 1 });
await cache.send(new CreateSnapshotCommand({ SnapshotName: "from-js", ReplicationGroupId: process.env.GROUP }));
for (;;) {
  const [one] = (await cache.send(new DescribeSnapshotsCommand({ SnapshotName: "from-js" }))).Snapshots;
  told.snapshot = one.NodeSnapshots[0].CacheSize;
  if (one.SnapshotStatus === "available") break;
}
told.unknown = await fault(() => cache.send(new DescribeSnapshotsCommand({ SnapshotName: "none" })));
told.bucket = await fault(() => cache.send(new CopySnapshotCommand({ SourceSnapshotName: "from-js", TargetSnapshotName: "x", TargetBucket: "none" })));
console.log(JSON.stringify(told));
