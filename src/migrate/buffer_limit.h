/* migrate/buffer_limit.h: how much a server keeps for a replica that does not read yet, and whether
 * that is enough for a snapshot. Source: redis.conf, client-output-buffer-limit; valkey.conf,
 * dual-channel-replication-enabled. */
#pragma once
#include "engine/engine.h"
#include "migrate/preflight.h"

/* Whether a server sends snapshot and stream to the link at the same time, as far as its settings
 * and our rights there tell. */
bool buffer_is_spared(engine *s, const engine_version *v);
/* Of what is written during a snapshot: the bytes that have to wait at the server. */
double buffer_need(const preflight_result *found, bool spared);

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
