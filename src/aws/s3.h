/* aws/s3.h: objects of S3: whole ones, lists, and large files in parts, taken up again after a
 * stop. Addressed by path (https://s3.REGION.amazonaws.com/BUCKET/KEY), which any name of a bucket
 * allows. Source: docs.aws.amazon.com/AmazonS3/latest/API/, .../userguide/qfacts.html (limits). */
#pragma once
#include "aws/query.h"

#define S3_PART_MIN ((uint64_t)5 * MIB)
#define S3_PART_DEFAULT ((uint64_t)16 * MIB)
#define S3_PARTS_MAX 10000
#define S3_OBJECT_MAX                                                                              \
    ((uint64_t)5 * 1024 * 1024 * MIB) /* S3 itself takes 50 TB since December 2025 */

typedef struct {
    const char *bucket;
    const char *key;
} s3_object;

typedef struct {
    uint64_t size;
    char etag[128]; /* with its quotes */
} s3_head;

/* False with ret_fault->status 404: it is not there. */
bool s3_head_read(struct aws_session *s,
                  const s3_object *o,
                  int64_t deadline_ns,
                  s3_head *ret,
                  aws_fault *ret_fault,
                  err *e) MUST_CHECK;
bool s3_put(struct aws_session *s,
            const s3_object *o,
            span body,
            int64_t deadline_ns,
            aws_fault *ret_fault,
            err *e) MUST_CHECK;
/* In pieces to `sink`, in order; a connection that breaks is taken up where it broke, if the object
 * is still the same. */
bool s3_get(struct aws_session *s,
            const s3_object *o,
            http_sink *sink,
            void *context,
            int64_t deadline_ns,
            aws_fault *ret_fault,
            err *e) MUST_CHECK;
/* Done as well when it is not there. */
bool s3_delete(struct aws_session *s,
               const s3_object *o,
               int64_t deadline_ns,
               aws_fault *ret_fault,
               err *e) MUST_CHECK;
/* One call for each object whose key begins with o->key, in the order of S3. */
typedef bool s3_listed(void *context, const char *key, uint64_t size, err *e);
bool s3_list(struct aws_session *s,
             const s3_object *prefix,
             s3_listed *each,
             void *context,
             int64_t deadline_ns,
             aws_fault *ret_fault,
             err *e) MUST_CHECK;

/* A file to an object, in parts when it is larger than one. `upload` is the id under which S3 keeps
 * the parts: empty, or that of an earlier call, whose parts are then not sent again if they are
 * the same bytes; it is told by `begun` before the first part goes, to be kept. After a failure
 * the parts stay for the next call; s3_upload_abort removes them. */
typedef struct {
    int file;
    uint64_t size;
    uint64_t part_size; /* 0: S3_PART_DEFAULT; grows so that S3_PARTS_MAX are enough */
    const char *upload;
    bool (*begun)(void *context, const char *upload, err *e); /* may be NULL */
    void (*progress)(void *context, uint64_t done);           /* may be NULL */
    void *context;
} s3_file;
bool s3_upload(struct aws_session *s,
               const s3_object *o,
               const s3_file *f,
               int64_t deadline_ns,
               aws_fault *ret_fault,
               err *e) MUST_CHECK;
bool s3_upload_abort(struct aws_session *s,
                     const s3_object *o,
                     const char *upload,
                     int64_t deadline_ns,
                     aws_fault *ret_fault,
                     err *e) MUST_CHECK;
/* How large a part is for a file of that size. ERR_LIMIT: it fits into no object. */
bool s3_part_size(uint64_t size, uint64_t asked, uint64_t *ret, err *e) MUST_CHECK;
