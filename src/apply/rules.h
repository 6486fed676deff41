/* apply/rules.h: what becomes of each command of a replication stream. Pure; one table.
 *
 * A command that is not in the table is passed on as it is: commands of modules, and commands
 * newer than this table. A target that does not know it refuses the whole group, and the link
 * stops with the command's name. Forms by engine version: data measured for protocol.md section 9
 * and the table of stream commands (redis 6.0, 7.0, 8.6, valkey 8.0, 9.1). */
#pragma once
#include "base/span.h"

typedef enum {
    RULE_PASS,   /* byte for byte */
    RULE_DROP,   /* not data: keep-alives, messages, script caches */
    RULE_SELECT, /* the database of all that follows */
    RULE_MULTI,
    RULE_EXEC,
    RULE_GETACK,   /* REPLCONF GETACK: acknowledge now */
    RULE_FLUSH,    /* FLUSHALL, FLUSHDB, SWAPDB: only with a declared policy */
    RULE_STOP,     /* cannot be carried yet: stop with its name */
    RULE_ASIDE,    /* nothing says it on the target: its key goes to the quarantine */
    RULE_RECAST,   /* as commands that every target has (apply/recast.h) */
    RULE_SET,      /* decided conditions off, expiry absolute and held */
    RULE_SETEX,    /* SETEX, PSETEX: SET .. PXAT */
    RULE_EXPIRE,   /* EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: PEXPIREAT without condition, held */
    RULE_RESTORE,  /* with REPLACE and ABSTTL, held */
    RULE_FUNCTION, /* LOAD and RESTORE with REPLACE */
} rule_kind;

typedef struct {
    const char *name; /* upper case */
    rule_kind kind;
    unsigned unit_ms;  /* RULE_SETEX, RULE_EXPIRE: 1000 for seconds, 1 for milliseconds */
    bool relative;     /* the time counts from when the receiver read it */
    bool must_change;  /* it had an effect on the source: the answer 0 is divergence (R19) */
    const char *why;   /* RULE_ASIDE */
    unsigned native;   /* redis of this RDB version on takes it as it is; 0: none */
    unsigned since;    /* every target of this RDB version on takes it as it is; 0: none */
    unsigned new_name; /* the argument that names a key which may inherit a held expiry; 0: none */
} rule;

/* Of redis 6.2 and older, which as a target lack much: 6.0 writes version 9, 7.0 version 10. */
static inline bool rdb_is_before_7(unsigned rdb_version)
{
    return rdb_version < 10;
}

/* NULL: pass it on as it is. Names are compared without case (`zadd`, `ping` occur). */
const rule *rule_find(span name);
