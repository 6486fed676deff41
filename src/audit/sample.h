/* audit/sample.h: a bounded look at the keys of one server.
 *
 * SCAN in small steps; what is asked of each key costs the same whatever its size. Between two
 * steps the sampler rests four times as long as the server was busy with it, so that it takes at
 * most a fifth of the server's time, and never longer than some tens of microseconds at once. */
#pragma once
#include <signal.h>

#include "audit/facts.h"
#include "engine/engine.h"

typedef struct {
    uint64_t keys_max;
    int64_t ms_max;
    const volatile sig_atomic_t *stop; /* NULL: never */
} sample_limits;

/* Fills n->sample. A command that is refused is noted in `unread` and not sent again. False: the
 * connection is gone. */
bool sample_take(engine *s, const sample_limits *limits, audit_facts *f, audit_node *n, err *e)
    MUST_CHECK;
