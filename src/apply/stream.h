/* apply/stream.h: the stream out of the spool onto the target, in order, exactly once.
 *
 * Reads units (one command, or MULTI .. EXEC as a whole, protocol.md R1), rewrites what must be
 * rewritten, and commits in groups, one outstanding at a time (R2). */
#pragma once
#include "apply/context.h"

typedef struct stream stream;

bool stream_open(apply_context *x, const checkpoint *at, stream **ret, err *e) MUST_CHECK;
void stream_free(stream *s);
/* One turn. STEP_MORE with ret_idle: only more bytes or answers help. Never STEP_DONE. */
step stream_step(stream *s, bool paused, bool *ret_idle, err *e) MUST_CHECK;
