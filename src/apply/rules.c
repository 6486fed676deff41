#include "apply/rules.h"

#include <ctype.h>

#define VECTOR_SET "vector sets are not known there"
#define NATIVE_REDIS_8_0 12
#define NATIVE_REDIS_8_6 13
#define SINCE_7_0 10

/* In the order of names, for the search. */
static const rule rules[] = {
    {.name = "BITOP", .kind = RULE_RECAST, .native = NATIVE_REDIS_8_0},
    {.name = "CLUSTER", .kind = RULE_STOP},
    {.name = "COPY", .kind = RULE_RECAST, .since = SINCE_7_0, .new_name = 2},
    {.name = "DEL", .kind = RULE_PASS},
    {.name = "EVAL", .kind = RULE_STOP},
    {.name = "EVALSHA", .kind = RULE_STOP},
    {.name = "EXEC", .kind = RULE_EXEC},
    {.name = "EXPIRE", .kind = RULE_EXPIRE, .unit_ms = 1000, .relative = true, .must_change = true},
    {.name = "EXPIREAT", .kind = RULE_EXPIRE, .unit_ms = 1000, .must_change = true},
    {.name = "FCALL", .kind = RULE_STOP},
    {.name = "FLUSHALL", .kind = RULE_FLUSH},
    {.name = "FLUSHDB", .kind = RULE_FLUSH},
    {.name = "FUNCTION", .kind = RULE_FUNCTION},
    {.name = "GEORADIUS", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "GEORADIUSBYMEMBER", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "GEOSEARCHSTORE", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "HEXPIRE", .kind = RULE_RECAST},
    {.name = "HEXPIREAT", .kind = RULE_RECAST},
    {.name = "HGETDEL", .kind = RULE_RECAST},
    {.name = "HPERSIST", .kind = RULE_RECAST},
    {.name = "HPEXPIRE", .kind = RULE_RECAST},
    {.name = "HPEXPIREAT", .kind = RULE_RECAST},
    {.name = "HSETEX", .kind = RULE_RECAST},
    {.name = "LMOVE", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "LPOP", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "MOVE", .kind = RULE_PASS, .must_change = true, .new_name = 1},
    {.name = "MSETEX", .kind = RULE_RECAST},
    {.name = "MULTI", .kind = RULE_MULTI},
    {.name = "PERSIST", .kind = RULE_PASS, .must_change = true},
    {.name = "PEXPIRE", .kind = RULE_EXPIRE, .unit_ms = 1, .relative = true, .must_change = true},
    {.name = "PEXPIREAT", .kind = RULE_EXPIRE, .unit_ms = 1, .must_change = true},
    {.name = "PFDEBUG", .kind = RULE_DROP},
    {.name = "PING", .kind = RULE_DROP},
    {.name = "PSETEX", .kind = RULE_SETEX, .unit_ms = 1, .relative = true},
    {.name = "PUBLISH", .kind = RULE_DROP},
    {.name = "RENAME", .kind = RULE_PASS, .new_name = 2},
    {.name = "RENAMENX", .kind = RULE_PASS, .must_change = true, .new_name = 2},
    {.name = "REPLCONF", .kind = RULE_GETACK},
    {.name = "RESTORE", .kind = RULE_RESTORE},
    {.name = "RESTORE-ASKING", .kind = RULE_RESTORE},
    {.name = "RPOP", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "SCRIPT", .kind = RULE_DROP},
    {.name = "SELECT", .kind = RULE_SELECT},
    {.name = "SET", .kind = RULE_SET},
    {.name = "SETEX", .kind = RULE_SETEX, .unit_ms = 1000, .relative = true},
    {.name = "SPUBLISH", .kind = RULE_DROP},
    {.name = "SWAPDB", .kind = RULE_FLUSH},
    {.name = "TRIMSLOTS", .kind = RULE_STOP},
    {.name = "UNLINK", .kind = RULE_PASS},
    {.name = "VADD", .kind = RULE_ASIDE, .why = VECTOR_SET, .native = NATIVE_REDIS_8_6},
    {.name = "VREM", .kind = RULE_ASIDE, .why = VECTOR_SET, .native = NATIVE_REDIS_8_6},
    {.name = "VSETATTR", .kind = RULE_ASIDE, .why = VECTOR_SET, .native = NATIVE_REDIS_8_6},
    {.name = "XACKDEL",
     .kind = RULE_ASIDE,
     .why = "XACKDEL is not known there",
     .native = NATIVE_REDIS_8_6},
    {.name = "XADD", .kind = RULE_RECAST},
    {.name = "XCFGSET", .kind = RULE_DROP, .native = NATIVE_REDIS_8_6},
    {.name = "XCLAIM", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "XDELEX", .kind = RULE_RECAST, .native = NATIVE_REDIS_8_6},
    {.name = "XGROUP", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "XIDMPRECORD", .kind = RULE_DROP},
    {.name = "XSETID", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "XTRIM", .kind = RULE_RECAST},
    {.name = "ZADD", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "ZDIFFSTORE", .kind = RULE_RECAST, .since = SINCE_7_0},
    {.name = "ZRANGESTORE", .kind = RULE_RECAST, .since = SINCE_7_0},
};

static int name_order(span name, const char *other)
{
    for (size_t i = 0; i < name.size; i++) {
        int order = toupper(name.at[i]) - (unsigned char)other[i];
        if (order != 0) return order;
        if (!other[i]) return 1; /* it ended; the name has a zero byte there and goes on */
    }
    return other[name.size] ? -1 : 0;
}

const rule *rule_find(span name)
{
    size_t low = 0;
    size_t high = COUNT_OF(rules);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_order(name, rules[middle].name);
        if (order == 0) return &rules[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
