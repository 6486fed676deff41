/* apply/release_fields.h: the passes over held expiries of hash fields, as apply/release.h has them
 * over those of keys. Only for targets that know such expiries. */
#pragma once
#include "engine/engine.h"

typedef struct {
    const char *mode;    /* "release", "hold", "count" */
    int64_t limit_ms;    /* as in apply/release.c */
    uint64_t released;   /* fields changed, over all calls */
    uint64_t held;       /* fields that stay held */
    bool *ret_key_holds; /* of the keys of one call: whether a field of it stays held */
} fields_pass;

/* The keys of the present database; what is no hash is passed over. */
bool release_fields(engine *target, fields_pass *p, size_t count, const span *keys, err *e)
    MUST_CHECK;
