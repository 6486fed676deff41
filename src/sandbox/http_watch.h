/* sandbox/http_watch.h: calls of CloudWatch as they come over the wire, and their answers.
 *
 * Its clients speak three protocols: the query protocol (form in, XML out), JSON 1.0 (with a header
 * X-Amz-Target), and RPC v2 over CBOR (with the operation in the path). Here a call becomes the
 * JSON object that watch/watch.h takes, and its answer or fault becomes bytes again. */
#pragma once
#include "sandbox/auth.h"
#include "sandbox/form.h"

typedef enum { WIRE_QUERY, WIRE_JSON, WIRE_CBOR } watch_wire;
watch_wire http_watch_wire(const auth_request *r);

typedef struct {
    unsigned status;
    buf body;
    const char *content_type;
    char fault[160]; /* for the header x-amzn-query-error; empty: none */
} watch_reply;

/* The whole call, whose signature is good. */
void http_watch_run(
    sandbox *s, const auth_request *r, const char *id, arena *memory, watch_reply *ret);
/* A refusal, in the form that this caller reads. */
void http_watch_refuse(watch_wire wire, const api_error *e, const char *id, watch_reply *ret);
void watch_reply_clear(watch_reply *r);

/* "Dimensions.member.1.Name=..." as an object; every value is a text. Pure. */
bool http_watch_tree(const form *q, json_t **ret, err *e) MUST_CHECK;
/* The body of an answer; `result` NULL: it has none. Its times become texts where the protocol
 * wants them so. Pure. False: it is larger than the buffer may be. */
bool http_watch_write(
    watch_wire wire, const char *operation, const char *id, json_t *result, buf *out) MUST_CHECK;
