/* store/store.h: a stand-in of S3: its API, on files of one folder.
 *
 * A request comes as its head (whose signature was checked), then its body in pieces of any size,
 * then its answer is taken. Bodies of objects go to files at once; what is kept in memory is
 * bounded. An object is there, whole, when its row in the index (SQLite) is: whatever ends the
 * process before leaves a file that the next start removes. (Files are not synced: against a power
 * cut nothing is promised.)
 *
 * Thread safe: one lock around each step, none while a body arrives or leaves. */
#pragma once
#include "aws/sigv4.h"
#include "base/buf.h"
#include "base/mem.h"

#define STORE_HEADERS_MAX 100
#define STORE_OBJECT_PUT_MAX ((uint64_t)5 * 1024 * MIB) /* of one PUT, or one part */
#define STORE_NAME_MAX ((size_t)256)

struct store;
typedef struct {
    const char *region;
    const char *account; /* 12 digits */
} store_identity;
/* Makes the folder when it is not there. */
bool store_open(const char *folder, const store_identity *who, struct store **ret, err *e)
    MUST_CHECK;
void store_close(struct store *s); /* NULL is fine */

/* --- requests -------------------------------------------------------------------------------- */

typedef struct {
    const char *method;
    const char *path;  /* as it came */
    const char *query; /* behind the '?', "" when there is none */
    const char *const *names;
    const char *const *values;
    size_t header_count;
    const char *id; /* told in answers; it lives as long as the call */
} store_request;

/* What the body has to be, by its signature. */
typedef struct {
    const char *payload; /* x-amz-content-sha256, or UNSIGNED-PAYLOAD */
    sigv4_scope scope;   /* of the chunks' signatures; its spans live as long as the call */
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex signature; /* of the head */
} store_signature;

struct store_reader;
typedef struct {
    unsigned status;
    buf head;                    /* lines of "Name: value" */
    buf body;                    /* or: */
    struct store_reader *reader; /* `length` bytes; the caller frees it */
    uint64_t length;             /* of the body, also when it is not sent (HEAD) */
} store_answer;

struct store_call;
/* Looks at the head. What it points at must live as long as the call. */
struct store_call *
store_call_new(struct store *s, const store_request *r, const store_signature *signature);
/* It has failed: the rest of the body need not be read. */
bool store_call_is_over(const struct store_call *c);
void store_call_feed(struct store_call *c, span piece);
/* The body has ended. The answer belongs to the call, but for its reader. */
store_answer *store_call_end(struct store_call *c);
void store_call_free(struct store_call *c); /* NULL is fine */

/* An answer to what is no call: its signature was wrong. */
void store_answer_fault(store_answer *ret,
                        const char *code,
                        unsigned status,
                        const char *message,
                        const char *resource,
                        const char *id);
void store_answer_clear(store_answer *a);

/* From `offset` on. 0: an error, or the end. */
size_t store_reader_read(struct store_reader *r, uint64_t offset, void *to, size_t size);
void store_reader_free(struct store_reader *r); /* NULL is fine */

/* --- for a service that reads from and writes to buckets ------------------------------------- */

typedef struct {
    bool has_bucket;
    bool has_object;
    unsigned bucket_rights; /* of the asked one: bits of acl_permission (acl.h) */
    unsigned object_rights;
    char encryption[32]; /* "AES256", "aws:kms" */
    uint64_t size;
} store_look;
bool store_look_at(struct store *s,
                   const char *bucket,
                   const char *key,
                   const char *canonical_id,
                   store_look *ret,
                   err *e) MUST_CHECK;
/* An object to a new file. */
bool store_export(struct store *s, const char *bucket, const char *key, const char *path, err *e)
    MUST_CHECK;
/* A file to an object, whole. */
bool store_import(struct store *s, const char *bucket, const char *key, const char *path, err *e)
    MUST_CHECK;
