/* apply/recast.h: commands of newer engines as commands that the target has. Pure.
 *
 * What no command of an older engine says is not written: the key is set aside, and somebody
 * decides. Expiries of hash fields are held as those of keys (apply/rewrite.h); a target without
 * them does not get them. Forms: streams of redis 7.0 and 8.6 and of valkey 9.1; what redis 6.0
 * does not know is said in its own commands, as a script where what is written depends on what is
 * there (apply/recast_before_7.c). */
#pragma once
#include "apply/rewrite.h"

typedef struct {
    const char *aside; /* why nothing is written of it; NULL: the commands are in `out` */
    span key;          /* which is set aside then */
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
/* XGROUP CREATECONSUMER for redis before 6.2, as a read of what is pending that finds nothing. */
bool recast_consumer_write(buf *out, span key, span group, span name) MUST_CHECK;
