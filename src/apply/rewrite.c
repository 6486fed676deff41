#include "apply/rewrite.h"

#include "apply/hold.h"

static bool malformed(size_t count, const span *args, err *e)
{
    return err_set(e, ERR_FORMAT, "the stream holds '%s' with %zu arguments in an unknown form",
                   span_show(args[0]).text, count);
}

static void put(rewritten *w, span arg)
{
    assert(w->arg_count < REWRITE_ARGS_MAX);
    w->args[w->arg_count++] = arg;
}

static void put_text(rewritten *w, const char *arg)
{
    put(w, span_text(arg));
}

static bool put_expiry(rewritten *w, int64_t at_ms, const rewrite_times *t, err *e)
{
    if (hold_is_held(at_ms)) {
        return err_set(e, ERR_LIMIT, "an expiry of %" PRId64 " ms since 1970 (after the year 3084)",
                       at_ms);
    }
    int64_t written = hold_expiry(at_ms, t->hold_until_ms);
    w->held = written != at_ms;
    int size = snprintf(w->number, sizeof w->number, "%" PRId64, written);
    assert(size > 0);
    put(w, span_of(w->number, (size_t)size));
    return true;
}

/* The expiry of a SET; redis 6.0 takes no absolute one with it. */
static bool put_set_expiry(rewritten *w, int64_t at_ms, const rewrite_times *t, err *e)
{
    bool behind = rdb_is_before_7(t->target_rdb_version);
    if (!behind) put_text(w, "PXAT");
    if (!put_expiry(w, at_ms, t, e)) return false;
    if (behind) w->expiry = w->args[--w->arg_count];
    return true;
}

bool rewrite_time(span arg, unsigned unit_ms, bool relative, const rewrite_times *t, int64_t *ret)
{
    int64_t value = 0;
    if (!span_to_i64(arg, &value)) return false;
    if (__builtin_mul_overflow(value, (int64_t)unit_ms, &value)) return false;
    return !relative ? (*ret = value, true) : !__builtin_add_overflow(value, t->received_ms, ret);
}

/* One row: an option of SET. */
static const struct {
    const char *name;
    unsigned unit_ms; /* 0: no time follows */
    bool relative;
    bool keep;  /* goes on to the target */
    bool value; /* one more argument, left out with it */
} set_options[] = {
    {"EX", 1000, true, false, false},    {"PX", 1, true, false, false},
    {"EXAT", 1000, false, false, false}, {"PXAT", 1, false, false, false},
    {"KEEPTTL", 0, false, true, false},  {"NX", 0, false, false, false},
    {"XX", 0, false, false, false},      {"GET", 0, false, false, false},
    {"IFEQ", 0, false, false, true},     {"IFNE", 0, false, false, true},
    {"IFDEQ", 0, false, false, true},    {"IFDNE", 0, false, false, true},
};

static bool
set_option(size_t count, const span *args, size_t *at, const rewrite_times *t, rewritten *w, err *e)
{
    for (size_t i = 0; i < COUNT_OF(set_options); i++) {
        if (!span_is_nocase(args[*at], set_options[i].name)) continue;
        bool more = set_options[i].unit_ms || set_options[i].value;
        if (more && *at + 1 >= count) return malformed(count, args, e);
        if (set_options[i].keep) put(w, args[*at]);
        if (set_options[i].unit_ms) {
            int64_t at_ms = 0;
            if (!rewrite_time(args[*at + 1], set_options[i].unit_ms, set_options[i].relative, t,
                              &at_ms))
                return malformed(count, args, e);
            if (!put_set_expiry(w, at_ms, t, e)) return false;
        }
        *at += more ? 2 : 1;
        return true;
    }
    return malformed(count, args, e);
}

static bool
rewrite_set(size_t count, const span *args, const rewrite_times *t, rewritten *w, err *e)
{
    if (count < 3 || count > 12) return malformed(count, args, e);
    for (size_t i = 0; i < 3; i++)
        put(w, args[i]);
    for (size_t at = 3; at < count;)
        if (!set_option(count, args, &at, t, w, e)) return false;
    return true;
}

static bool rewrite_setex(
    const rule *r, size_t count, const span *args, const rewrite_times *t, rewritten *w, err *e)
{
    int64_t at_ms = 0;
    if (count != 4 || !rewrite_time(args[2], r->unit_ms, r->relative, t, &at_ms))
        return malformed(count, args, e);
    put_text(w, "SET");
    put(w, args[1]);
    put(w, args[3]);
    return put_set_expiry(w, at_ms, t, e);
}

static bool rewrite_expire(
    const rule *r, size_t count, const span *args, const rewrite_times *t, rewritten *w, err *e)
{
    int64_t at_ms = 0;
    if (count < 3 || !rewrite_time(args[2], r->unit_ms, r->relative, t, &at_ms))
        return malformed(count, args, e);
    put_text(w, "PEXPIREAT"); /* NX XX GT LT, args[3..], were decided on the source */
    put(w, args[1]);
    return put_expiry(w, at_ms, t, e);
}

/* RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f] */
static bool
rewrite_restore(size_t count, const span *args, const rewrite_times *t, rewritten *w, err *e)
{
    int64_t ttl = 0;
    if (count < 4 || count > 10 || !span_to_i64(args[2], &ttl)) return malformed(count, args, e);
    bool absolute = false;
    for (size_t i = 4; i < count; i++)
        absolute = absolute || span_is_nocase(args[i], "ABSTTL");
    if (ttl != 0 && !absolute && __builtin_add_overflow(ttl, t->received_ms, &ttl))
        return malformed(count, args, e);
    put_text(w, "RESTORE");
    put(w, args[1]);
    if (ttl == 0) {
        put_text(w, "0");
    } else if (!put_expiry(w, ttl, t, e)) {
        return false;
    }
    put(w, args[3]);
    put_text(w, "REPLACE");
    put_text(w, "ABSTTL");
    for (size_t i = 4; i < count; i++) {
        if (!span_is_nocase(args[i], "ABSTTL") && !span_is_nocase(args[i], "REPLACE"))
            put(w, args[i]);
    }
    return true;
}

/* FUNCTION LOAD [REPLACE] code; FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE]; the rest as is. */
static bool rewrite_function(size_t count, const span *args, rewritten *w, err *e)
{
    if (count < 2 || count > 8) return malformed(count, args, e);
    bool load = span_is_nocase(args[1], "LOAD");
    bool restore = span_is_nocase(args[1], "RESTORE");
    if (load && count >= 3) {
        put(w, args[0]);
        put(w, args[1]);
        put_text(w, "REPLACE");
        put(w, args[count - 1]);
        return true;
    }
    bool flush = restore && count == 4 && span_is_nocase(args[3], "FLUSH");
    for (size_t i = 0; i < count && (i < 3 || !restore); i++)
        put(w, args[i]);
    if (restore) put_text(w, flush ? "FLUSH" : "REPLACE");
    return true;
}

bool rewrite(
    const rule *r, size_t count, const span *args, const rewrite_times *t, rewritten *ret, err *e)
{
    ret->arg_count = 0;
    ret->held = false;
    ret->expiry = (span){0};
    switch (r->kind) {
    case RULE_SET:
        return rewrite_set(count, args, t, ret, e);
    case RULE_SETEX:
        return rewrite_setex(r, count, args, t, ret, e);
    case RULE_EXPIRE:
        return rewrite_expire(r, count, args, t, ret, e);
    case RULE_RESTORE:
        return rewrite_restore(count, args, t, ret, e);
    case RULE_FUNCTION:
        return rewrite_function(count, args, ret, e);
    case RULE_PASS:
    case RULE_DROP:
    case RULE_SELECT:
    case RULE_MULTI:
    case RULE_EXEC:
    case RULE_GETACK:
    case RULE_FLUSH:
    case RULE_STOP:
    case RULE_ASIDE:
    case RULE_RECAST:
        break;
    }
    return err_set(e, ERR_STATE, "'%s' is not rewritten", r->name);
}
