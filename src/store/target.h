/* store/target.h: what a request to S3 is about: bucket, key, parameters. Pure.
 *
 * A bucket is named in the path (/bucket/key) or, when the host is one of its own
 * (bucket.s3.sandbox.test, bucket.localhost), in the host. Names and values are percent-decoded
 * into the arena; a key is UTF-8 of up to 1,024 bytes. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define TARGET_KEY_MAX ((size_t)1024)
#define TARGET_PARAMETERS_MAX ((size_t)100)

typedef struct {
    const char *name;
    const char *value; /* "" when there is none */
} target_parameter;

typedef struct {
    const char *bucket; /* "": none, the service itself */
    const char *key;    /* "": none, the bucket itself */
    target_parameter *parameters;
    size_t count;
} target;

/* `path` and `query` as they came. ERR_FORMAT: a broken percent sign, a zero byte, no UTF-8.
 * ERR_LIMIT: a key or a query that is too long. */
bool target_read(const char *host,
                 const char *path,
                 const char *query,
                 arena *memory,
                 target *ret,
                 err *e) MUST_CHECK;
/* NULL when it is not there. */
const char *target_parameter_of(const target *t, const char *name);
/* The rules of names for buckets. */
bool target_bucket_is_good(const char *bucket);
/* "bucket/key" or "/bucket/key?versionId=..." of x-amz-copy-source. */
bool target_source_read(const char *source, arena *memory, target *ret, err *e) MUST_CHECK;

/* "bytes=0-9" of something of `size` bytes. False: no range, all of it is meant. `ret_count` 0: it
 * lies behind the end. */
bool target_range(const char *range, uint64_t size, uint64_t *ret_first, uint64_t *ret_count);
