/* apply/recast.h: commands of newer engines as commands that every target has. Pure.
 *
 * What no command of an older engine says is not written: the key is set aside, and somebody
 * decides. Expiries of hash fields are held as those of keys (apply/rewrite.h); a target without
 * them does not get them. Forms: streams of redis 8.6 and valkey 9.1. */
#pragma once
#include "apply/rewrite.h"

typedef struct {
    const char *aside; /* why nothing is written of it; NULL: the commands are in `out` */
    bool held;         /* an expiry was held */
} recast_result;

/* False: the command is one that every target has, without a closer look (most are). */
bool recast_is_due(size_t count, const span *args);
/* For RULE_RECAST. `out`: commands in wire form, none or more. Errors as of rewrite(). */
bool recast(size_t count,
            const span *args,
            const rewrite_times *t,
            buf *out,
            recast_result *ret,
            err *e) MUST_CHECK;
