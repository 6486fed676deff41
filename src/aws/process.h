/* aws/process.h: a command of the user's, by its shell, and what it writes. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Its standard output, up to ret->max; it has no input, its errors go to ours. ERR_IO: it failed,
 * ERR_TIMEOUT: it was killed at the deadline, ERR_LIMIT. */
bool process_output(const char *command, int64_t deadline_ns, buf *ret, err *e) MUST_CHECK;
