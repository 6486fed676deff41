/* sandbox/http_s3.h: a request to S3 on the API's port, between the HTTP library and the store. */
#pragma once
#include <microhttpd.h>

#include "sandbox/auth.h"

#define HTTP_DRAIN_MAX                                                                             \
    (8 * MIB) /* of a body that is not wanted: read before the refusal is sent                     \
               */

struct http_s3;
/* Looks at the head. NULL: it is not for S3. */
struct http_s3 *
http_s3_new(sandbox *s, struct MHD_Connection *c, const char *method, const char *uri);
/* May answer at once: the body is then not read. */
enum MHD_Result http_s3_begin(struct http_s3 *x, struct MHD_Connection *c);
bool http_s3_feed(struct http_s3 *x, span piece); /* false: it is dropped */
enum MHD_Result http_s3_answer(struct http_s3 *x, struct MHD_Connection *c);
void http_s3_free(struct http_s3 *x); /* NULL is fine */

/* The head of a request as its signature is checked by; the parts of `uri` go into `memory`. */
void http_head_take(struct MHD_Connection *c,
                    const char *method,
                    const char *uri,
                    arena *memory,
                    auth_request *ret);
void http_request_id(char ret[40]);
