/* aws/session.h: signed requests to services of one region, as one identity, asked again when the
 * cause passes by itself. Blocking: for control threads. One thread at a time uses a session. */
#pragma once
#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/http.h"
#include "aws/sigv4.h"

#define AWS_ATTEMPTS_DEFAULT 5
#define AWS_ATTEMPTS_MAX 20
#define AWS_REQUEST_HEADERS_MAX ((size_t)24)

typedef struct {
    const char *profile, *region, *endpoint_url; /* of options; NULL: environment and files */
} aws_choice;

struct aws_session;
/* ERR_USAGE with a hint: no region is known, or the profile is in no file. */
bool aws_session_new(const aws_choice *c, int64_t deadline_ns, struct aws_session **ret, err *e)
    MUST_CHECK;
void aws_session_free(struct aws_session *s);
const char *aws_session_region(const struct aws_session *s);
/* That service answers at this machine itself: a stand-in, and no account. False also when its URL
 * cannot be told. */
bool aws_session_is_local(const struct aws_session *s, const aws_service *service);

typedef struct {
    const aws_service *service;
    const char *method;
    span path;  /* encoded; empty: "/" */
    span query; /* encoded */
    const sigv4_header *headers;
    size_t header_count;
    span body;
    int file; /* the body is a part of this file instead; file_size 0: it is not */
    uint64_t file_at;
    uint64_t file_size;
    span payload;    /* SHA-256 in hex of a body in a file; else empty: it is made here */
    http_sink *sink; /* see http.h; once it has got bytes, a failure is final */
    void *sink_context;
    bool once; /* not to be repeated */
} aws_request;

/* True: status 2xx. Else the fault says what the service answered (status 0: nothing came) and the
 * err is ERR_AWS. */
bool aws_send(struct aws_session *s,
              const aws_request *r,
              int64_t deadline_ns,
              http_answer *ret,
              aws_fault *ret_fault,
              err *e) MUST_CHECK;

/* The password of an IAM user of a cache, by the keys of the session (aws/iam_token.h). */
bool aws_session_iam_token(struct aws_session *s,
                           const char *cache,
                           bool serverless,
                           const char *user,
                           int64_t deadline_ns,
                           secret *ret,
                           err *e) MUST_CHECK;
