/* store/index.h: which buckets, objects and uploads there are: SQLite. The caller holds the lock.
 *
 * Keys are compared byte by byte, as S3 orders them. The files of an object are lines of
 * "NAME SIZE", in order; a file belongs to one row. */
#pragma once
#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

struct store {
    pthread_mutex_t lock;
    sqlite3 *db;
    char *folder;
    char region[32];
    char account[16];
    char owner[SIGV4_HEX_SIZE + 1]; /* canonical id */
};

typedef struct {
    const char *name;
    int64_t created_ms;
    const char *ownership; /* "": its controls were removed */
    const char *acl;
} bucket_row;

typedef struct {
    const char *key;
    uint64_t size;
    const char *etag; /* without quotes */
    int64_t modified_ms;
    const char *meta; /* lines of "name: value", names in small letters */
    const char *acl;
    const char *files;
} object_row;

typedef struct {
    const char *id;
    const char *key;
    int64_t started_ms;
    const char *meta;
    const char *acl;
} upload_row;

typedef struct {
    int64_t number;
    uint64_t size;
    const char *etag;
    int64_t modified_ms;
    const char *file;
} part_row;

bool index_open(struct store *s, err *e) MUST_CHECK;
void index_close(struct store *s);
/* Several changes as one. */
bool index_begin(struct store *s, err *e) MUST_CHECK;
bool index_commit(struct store *s, err *e) MUST_CHECK;
void index_rollback(struct store *s);

/* `*ret_found`: rows are in `memory`. `after`: the first whose name is greater. */
bool index_bucket(struct store *s,
                  const char *name,
                  arena *memory,
                  bucket_row *ret,
                  bool *ret_found,
                  err *e) MUST_CHECK;
bool index_bucket_after(struct store *s,
                        const char *name,
                        arena *memory,
                        bucket_row *ret,
                        bool *ret_found,
                        err *e) MUST_CHECK;
bool index_bucket_put(struct store *s, const bucket_row *b, err *e) MUST_CHECK;
bool index_bucket_delete(struct store *s, const char *name, err *e) MUST_CHECK;
/* It has no object. */
bool index_bucket_is_empty(struct store *s, const char *name, bool *ret, err *e) MUST_CHECK;

bool index_object(struct store *s,
                  const char *bucket,
                  const char *key,
                  arena *memory,
                  object_row *ret,
                  bool *ret_found,
                  err *e) MUST_CHECK;
/* The first key that is greater, or (`inclusive`) not smaller. */
bool index_object_after(struct store *s,
                        const char *bucket,
                        const char *key,
                        bool inclusive,
                        arena *memory,
                        object_row *ret,
                        bool *ret_found,
                        err *e) MUST_CHECK;
bool index_object_put(struct store *s, const char *bucket, const object_row *o, err *e) MUST_CHECK;
bool index_object_delete(struct store *s, const char *bucket, const char *key, err *e) MUST_CHECK;

bool index_upload(struct store *s,
                  const char *bucket,
                  const char *id,
                  arena *memory,
                  upload_row *ret,
                  bool *ret_found,
                  err *e) MUST_CHECK;
/* By key, then by id. */
bool index_upload_after(struct store *s,
                        const char *bucket,
                        const char *key,
                        const char *id,
                        arena *memory,
                        upload_row *ret,
                        bool *ret_found,
                        err *e) MUST_CHECK;
bool index_upload_put(struct store *s, const char *bucket, const upload_row *u, err *e) MUST_CHECK;
/* And its parts. */
bool index_upload_delete(struct store *s, const char *id, err *e) MUST_CHECK;
bool index_part_after(struct store *s,
                      const char *upload,
                      int64_t number,
                      arena *memory,
                      part_row *ret,
                      bool *ret_found,
                      err *e) MUST_CHECK;
bool index_part_put(struct store *s, const char *upload, const part_row *p, err *e) MUST_CHECK;

/* One call for the files of every row. */
typedef void index_files(void *context, const char *files);
bool index_each_files(struct store *s, index_files *each, void *context, err *e) MUST_CHECK;
