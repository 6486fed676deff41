/* aws/s3_internal.h: what whole objects and objects in parts have in common. */
#pragma once
#include "aws/s3.h"

/* "/bucket/key", encoded; the key's slashes stay. */
bool s3_path(const s3_object *o, buf *ret, err *e) MUST_CHECK;
/* One request for the object; `r` is given without service and path. */
bool s3_send(struct aws_session *s,
             const s3_object *o,
             aws_request r,
             int64_t deadline_ns,
             http_answer *ret,
             aws_fault *ret_fault,
             err *e) MUST_CHECK;
