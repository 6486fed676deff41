/* aws/sigv4.h: AWS Signature Version 4, as who signs and as who checks. Pure but for SHA-256.
 *
 * A request is given as it stands on the wire; the signature is made over its canonical form. In
 * the header form the signature stands in `Authorization`, in the query form (presigned) among the
 * parameters. Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request
 * .html, .../AmazonS3/latest/API/sigv4-streaming.html; vectors: tests/unit/aws_sigv4_test.c. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_HEX_SIZE 64
#define SIGV4_KEY_SIZE 32
#define SIGV4_STAMP_SIZE 16 /* "20261122T120000Z" */
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_CANONICAL_MAX ((size_t)256 * 1024)

typedef struct {
    char text[SIGV4_HEX_SIZE + 1];
} sigv4_hex;

typedef struct {
    span name; /* any case */
    span value;
} sigv4_header;

typedef struct {
    span method;
    span path;  /* of the request line, encoded as there; empty: "/" */
    span query; /* of the request line, without '?' */
    const sigv4_header *headers;
    size_t header_count;
    span payload;   /* SHA-256 of the body in hex, or SIGV4_UNSIGNED and its like */
    bool path_once; /* S3: the path is signed as it stands; else normalized and encoded again */
} sigv4_request;

typedef struct {
    span access_key_id;
    span stamp; /* when: "20261122T120000Z" */
    span region;
    span service;
} sigv4_scope;

/* SHA-256 in lower-case hex: of a body, for sigv4_request.payload. */
sigv4_hex sigv4_sha256(span bytes);
/* "20261122T120000Z" of milliseconds since 1970. */
typedef struct {
    char text[SIGV4_STAMP_SIZE + 1];
} sigv4_stamp;
sigv4_stamp sigv4_stamp_show(int64_t wall_ms);
/* ERR_FORMAT: it is not of that form. */
bool sigv4_stamp_read(span stamp, int64_t *ret_wall_ms, err *e) MUST_CHECK;

/* The canonical request. `signed_headers`: "content-type;host;x-amz-date", lower case and sorted;
 * a parameter X-Amz-Signature is left out. ERR_FORMAT: a signed header is not there. ERR_LIMIT:
 * it is larger than SIGV4_CANONICAL_MAX. */
bool sigv4_canonical(const sigv4_request *r, span signed_headers, buf *ret, err *e) MUST_CHECK;
/* The key for one day, region and service, from the secret access key. */
void sigv4_key(span secret_key, const sigv4_scope *s, uint8_t ret[SIGV4_KEY_SIZE]);
/* What the signature of the request has to be. */
bool sigv4_signature(const sigv4_request *r,
                     const sigv4_scope *s,
                     span signed_headers,
                     const uint8_t key[SIGV4_KEY_SIZE],
                     sigv4_hex *ret,
                     err *e) MUST_CHECK;
/* Of one chunk of a streaming upload (STREAMING-AWS4-HMAC-SHA256-PAYLOAD), by the signature before:
 * of the head, then of the last chunk. */
sigv4_hex sigv4_chunk(const sigv4_scope *s,
                      const uint8_t key[SIGV4_KEY_SIZE],
                      span signature_before,
                      span chunk_sha256);
/* Of the trailers behind the chunks (STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER): lines of
 * "name:value\n", by the signature of the last chunk. */
sigv4_hex sigv4_trailer(const sigv4_scope *s,
                        const uint8_t key[SIGV4_KEY_SIZE],
                        span signature_before,
                        span trailers_sha256);

/* The value of the header Authorization, over all headers of the request. */
bool sigv4_authorize(
    const sigv4_request *r, const sigv4_scope *s, span secret_key, buf *ret, err *e) MUST_CHECK;
/* The query of a presigned URL: that of the request, the X-Amz parameters in the order the SDKs
 * send them, the signature last. `token`: of a session, or empty. Signed headers: `host` alone. */
bool sigv4_presign(const sigv4_request *r,
                   const sigv4_scope *s,
                   span secret_key,
                   span token,
                   unsigned expires_s,
                   buf *ret,
                   err *e) MUST_CHECK;

/* What a received request says about its signature; the spans point into what was given, those of
 * the query form into `memory`. */
typedef struct {
    sigv4_scope scope;
    span signed_headers;
    span signature;
    span token;        /* query form; empty: none */
    int64_t expires_s; /* query form; -1: header form */
} sigv4_claim;
/* ERR_FORMAT says what is wrong with it. */
bool sigv4_claim_header(span authorization, span stamp, sigv4_claim *ret, err *e) MUST_CHECK;
bool sigv4_claim_query(span query, buf *memory, sigv4_claim *ret, err *e) MUST_CHECK;
/* The same in constant time; of different sizes never. */
bool sigv4_equal(span a, span b);

/* RFC 3986: all but unreserved characters as %XX; also '/' unless `keep_slash`. */
bool sigv4_encode(span s, bool keep_slash, buf *out) MUST_CHECK;
