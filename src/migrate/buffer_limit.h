/* migrate/buffer_limit.h: how much a server keeps for a replica that does not read yet, and whether
 * that is enough for a snapshot. Source: redis.conf, client-output-buffer-limit. */
#pragma once
#include "engine/engine.h"
#include "engine/info.h"

typedef struct {
    uint64_t hard, soft; /* bytes; 0: without a limit */
    uint64_t soft_s;     /* the soft one may be passed for so long */
} buffer_limit;

/* What setting_read answers: "replica 268435456 67108864 60". */
bool buffer_limit_parse(const char *text, buffer_limit *ret);
/* What the server really enforces. */
void buffer_limit_raise(buffer_limit *l, uint64_t backlog, const engine_version *v);

typedef enum { BUFFER_HOLDS, BUFFER_PASSES_HARD, BUFFER_PASSES_SOFT } buffer_judgement;
buffer_judgement buffer_limit_judge(const buffer_limit *l, double bytes, double seconds);
