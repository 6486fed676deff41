/* aws/http.h: one HTTP request and its answer, over libcurl. Blocking: for control threads.
 *
 * A client keeps its connection for the next request to the same host; one thread at a time uses
 * it. Redirects are not followed (a signature is for one host). Certificates are verified against
 * the system's list, or AWS_CA_BUNDLE. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define HTTP_BODY_MAX ((size_t)16 * MIB)
#define HTTP_HEADERS_MAX ((size_t)64 * KIB)

struct http;
struct http *http_new(void);
void http_free(struct http *h);

/* Takes a piece of the body of an answer with status 2xx; false with an err ends the request. */
typedef bool http_sink(void *context, span piece, err *e);

typedef struct {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value"; those of the body's size come by themselves */
    size_t header_count;
    span body;
    int file; /* the body is a part of this file instead; with file_size 0: not */
    uint64_t file_at;
    uint64_t file_size;
    bool direct;         /* past every proxy */
    int64_t connect_ms;  /* 0: 10 s */
    int64_t deadline_ns; /* for all of it */
    http_sink *sink;     /* NULL: into http_answer.body, up to HTTP_BODY_MAX */
    void *sink_context;
} http_request;

typedef struct {
    int status;
    buf headers; /* as they came, without the status line */
    buf body;
} http_answer;
void http_answer_clear(http_answer *a);
/* Of the first header of that name, without blanks around it; empty: there is none. */
span http_header(const http_answer *a, const char *name);

/* Any status is an answer. ERR_IO: no answer came. ERR_TIMEOUT, ERR_TLS, ERR_LIMIT. */
bool http_send(struct http *h, const http_request *r, http_answer *ret, err *e) MUST_CHECK;
