/* migrate/hook.h: an executable of the operator's, run at a step of the move. */
#pragma once
#include "base/err.h"

typedef struct {
    const char *file;
    const char *phase;       /* HANDOVER_PHASE */
    const char *result;      /* HANDOVER_RESULT; NULL: none */
    const char *source_host; /* HANDOVER_SOURCE_HOST, _PORT */
    const char *target_host;
    uint16_t source_port;
    uint16_t target_port;
    const char *workdir; /* HANDOVER_WORKDIR */
    int64_t timeout_ms;
} hook;

/* Runs it and waits. Its environment is the tool's without anything secret, and the values above;
 * its standard input is empty. ERR_STATE: it ended with a code other than 0 or by a signal;
 * ERR_TIMEOUT: it was killed (with what it started in its process group). */
bool hook_run(const hook *h, err *e) MUST_CHECK;
/* Whether the file can be run at all. */
bool hook_check(const char *file, err *e) MUST_CHECK;
