/* apply/rewrite.h: one command of the stream into the command the target gets. Pure.
 *
 * Relative times become absolute, counted from when the receiver read them; conditions that the
 * source already decided are taken off (they would be decided again against another state, and
 * GT/LT would compare with a held expiry); near expiries are held (protocol.md sections 2 and 6).
 */
#pragma once
#include "apply/rules.h"
#include "base/buf.h"
#include "base/err.h"

#define REWRITE_ARGS_MAX 32

typedef struct {
    int64_t received_ms;   /* when the receiver read it, by the source's clock */
    int64_t hold_until_ms; /* expiries not later than this are held */
    bool fields_expire;    /* the target knows expiries of hash fields */
    unsigned target_rdb_version;
    unsigned source_rdb_version; /* of the engine that writes the stream */
    bool same_version;           /* of both: they compute alike */
} rewrite_times;

typedef struct {
    size_t arg_count;
    span args[REWRITE_ARGS_MAX];
    char number[24]; /* room for one number among the arguments */
    bool held;       /* an expiry was held */
    span expiry;     /* PEXPIREAT of args[1] to it follows, in the same transaction; empty: none */
} rewritten;

/* A time as it was sent, in milliseconds since 1970. */
bool rewrite_time(span arg, unsigned unit_ms, bool relative, const rewrite_times *t, int64_t *ret)
    MUST_CHECK;
/* For RULE_SET, RULE_SETEX, RULE_EXPIRE, RULE_RESTORE, RULE_FUNCTION. The spans point into `args`,
 * into constants, and into ret itself (do not copy it). ERR_FORMAT: the command is not one that
 * any known engine sends. ERR_LIMIT: an expiry at or above 2^45 ms, which holding needs. */
bool rewrite(const rule *r,
             size_t count,
             const span *args,
             const rewrite_times *t,
             rewritten *ret,
             err *e) MUST_CHECK;
