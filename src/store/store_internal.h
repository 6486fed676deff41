/* store/store_internal.h: one call on its way, for the handlers of the operations.
 *
 * A handler answers true when it is done, or sets the fault and answers false. `check` runs on the
 * head alone, `run` when the body is there; both hold the store's lock. */
#pragma once
#include "store/checksum.h"
#include "store/chunked.h"
#include "store/files.h"
#include "store/target.h"

#define DOCUMENT_MAX (4 * MIB)
#define ANSWER_MAX (16 * MIB)
#define META_MAX (16 * KIB)
#define UPLOAD_PARTS_MAX 10000

typedef enum {
    BODY_NONE,     /* read and dropped */
    BODY_DOCUMENT, /* XML, in memory */
    BODY_DATA,     /* an object or a part, to a file */
} body_kind;

typedef bool store_handler(struct store_call *c);

typedef struct {
    const char *method;
    char level;         /* 's'ervice, 'b'ucket, 'o'bject */
    const char *marker; /* the parameter that asks for it; NULL: none */
    const char *header; /* the header that does */
    const char *name;
    const char *parameters; /* others that it takes, apart by blanks */
    body_kind body;
    store_handler *check; /* may be NULL */
    store_handler *run;
} store_operation;

const store_operation *store_operation_at(size_t n); /* NULL: no more */

typedef struct {
    body_kind kind;
    chunked *chunks; /* NULL: it comes as it is */
    bool has_signatures;
    bool is_whole; /* the last chunk and its trailers were there */
    bool trailer_is_signed;
    uint64_t decoded;
    bool has_decoded;
    sigv4_hex before; /* the signature that the next chunk's is made from */
    char chunk_signature[SIGV4_HEX_SIZE + 1];
    buf trailers; /* "name:value\n", as they are signed */
    checksum sha256, md5, extra;
    char extra_wanted[2 * CHECKSUM_MAX + 8]; /* base64, of the header or the trailer */
    char extra_got[2 * CHECKSUM_MAX + 8];
    char etag[2 * CHECKSUM_MAX + 8]; /* when it has ended: MD5 in hex */
    uint64_t size;
    buf document;
    int fd; /* -1: none */
    char file[FILE_NAME_SIZE + 1];
} store_body;

struct store_call {
    struct store *s;
    const store_request *r;
    const store_signature *signature;
    const store_operation *op;
    arena memory;
    target t;
    bucket_row bucket;
    store_body body;
    store_answer answer;
    bool failed;
};

/* fault.c. Sets the answer; answers false. `format` NULL: the text of the table. */
bool store_fail(struct store_call *c, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);
/* An error of ours, or of the disk. */
bool store_fail_inside(struct store_call *c, const err *e);

/* call.c. NULL: it was not sent. */
const char *call_header(const struct store_call *c, const char *name);

/* body.c */
bool body_begin(struct store_call *c) MUST_CHECK;
bool body_feed(struct store_call *c, span piece) MUST_CHECK;
bool body_end(struct store_call *c) MUST_CHECK;
void body_drop(struct store_call *c); /* also removes the file, unless it was kept */
/* The file stays: a row names it. */
void body_keep(struct store_call *c);

/* answer.c. Helpers for answers; a failure to fit is told once, by answer_end. */
void answer_head(struct store_call *c, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void answer_begin(struct store_call *c, const char *root); /* with the namespace */
void answer_open(struct store_call *c, const char *name);
void answer_close(struct store_call *c, const char *name);
void answer_text(struct store_call *c, const char *name, const char *text);
void answer_number(struct store_call *c, const char *name, uint64_t number);
void answer_time(struct store_call *c, const char *name, int64_t wall_ms);
void answer_etag(struct store_call *c, const char *etag);
void answer_owner(struct store_call *c, const char *name);
bool answer_end(struct store_call *c, const char *root);
typedef struct {
    char text[40];
} http_date;
http_date http_date_show(int64_t wall_ms);
bool http_date_read(const char *text, int64_t *ret_wall_ms); /* in whole seconds */

/* objects.c */
/* Headers of the request that are kept with the object. */
bool meta_take(struct store_call *c, buf *ret) MUST_CHECK;
span meta_find(const char *meta, const char *name);                    /* empty: it is not there */
bool object_of_call(struct store_call *c, object_row *ret) MUST_CHECK; /* or NoSuchKey */
/* Puts the row in, and removes the files of the one before. */
bool object_put(struct store *s, const char *bucket, const object_row *o, err *e) MUST_CHECK;
/* The object that x-amz-copy-source names. */
bool copy_source(struct store_call *c, object_row *ret) MUST_CHECK;
/* One of a list of ETags, in quotes or not, or "*". */
bool etag_is_among(const char *wanted, const char *etag);
bool preconditions_check(struct store_call *c, const object_row *o) MUST_CHECK;

/* rights.c */
/* What x-amz-acl and x-amz-grant-… ask for; otherwise "private". `enforced`: the bucket has no
 * lists, so only what means the owner is taken. */
bool rights_take(struct store_call *c, bool enforced, const char **ret_acl) MUST_CHECK;
bool bucket_is_enforced(const bucket_row *b);
bool ownership_check(struct store_call *c, const char *ownership) MUST_CHECK;

store_handler list_buckets, create_bucket_check, create_bucket, delete_bucket, head_bucket,
    get_location, get_versioning, get_encryption, get_ownership, put_ownership, delete_ownership,
    get_public_block, get_policy, get_bucket_tags, get_object_tags, get_bucket_acl, put_bucket_acl,
    get_object_acl, put_object_acl, list_objects, list_objects_2, list_uploads, list_parts,
    put_object_check, put_object, get_object, delete_object, delete_objects, copy_object,
    create_upload, upload_part_check, upload_part, upload_part_copy, complete_upload, abort_upload;
