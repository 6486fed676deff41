/* sandbox/auth.h: whose call it is: checks the signature of a request (AWS Signature Version 4). */
#pragma once
#include "aws/sigv4.h"
#include "base/mem.h"
#include "sandbox/api.h"

#define AUTH_HEADERS_MAX 100

typedef struct {
    const char *method;
    const char *path;  /* as it came, percent signs and all */
    const char *query; /* behind the '?', "" when there is none */
    const char *names[AUTH_HEADERS_MAX];
    const char *values[AUTH_HEADERS_MAX];
    size_t header_count;
    span body;  /* not of S3 */
    bool is_s3; /* of auth_is_s3: the body is checked by the store, as it comes */
} auth_request;

typedef struct {
    const char *service;
    const char *payload; /* what was signed for the body: a digest, or a word of S3's */
    sigv4_scope scope;
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex signature;
} auth_result;

/* Does the request say that it is for S3? So does one of nobody that is no call of the query
 * protocol. */
bool auth_is_s3(const auth_request *r);
/* Everything in `ret` lives in `memory`. Otherwise the error that the service gives. */
bool auth_check(sandbox *s, const auth_request *r, arena *memory, auth_result *ret, api_error *e)
    MUST_CHECK;
