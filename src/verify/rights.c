/* Every command that will be needed is tried first, on a key that does not exist: a right that is
 * missing is an error now, with its name, and not after an hour. */
#include "base/log.h"
#include "engine/bookkeeping.h"
#include "verify/verify_internal.h"

#define PROBE_KEY BOOKKEEPING_PREFIX "verify:probe"

typedef enum {
    REFUSAL_IS_ERROR,
    REFUSAL_NO_DUMP,
    REFUSAL_NO_EXPIRETIME,
    REFUSAL_NO_FUNCTIONS
} refusal;

typedef struct {
    const char *args[5];
    const char *right; /* as in ACL SETUSER */
    bool source_only;
    refusal refused;
} need;

static const need needs[] = {
    {{"SCAN", "0", "COUNT", "1"}, "+scan", false, REFUSAL_IS_ERROR},
    {{"TYPE", PROBE_KEY}, "+type", false, REFUSAL_IS_ERROR},
    {{"MEMORY", "USAGE", PROBE_KEY}, "+memory|usage", false, REFUSAL_IS_ERROR},
    {{"MGET", PROBE_KEY}, "+mget", false, REFUSAL_IS_ERROR},
    {{"EXISTS", PROBE_KEY}, "+exists", true, REFUSAL_IS_ERROR},
    {{"PEXPIRETIME", PROBE_KEY}, "+pexpiretime", false, REFUSAL_NO_EXPIRETIME},
    {{"PTTL", PROBE_KEY}, "+pttl", false, REFUSAL_IS_ERROR},
    {{"DUMP", PROBE_KEY}, "+dump", false, REFUSAL_NO_DUMP},
    {{"INFO", "keyspace"}, "+info", false, REFUSAL_IS_ERROR},
    {{"FUNCTION", "LIST", "LIBRARYNAME", "none"}, "+function|list", false, REFUSAL_NO_FUNCTIONS},
};

static size_t arg_count(const need *n)
{
    size_t count = 0;
    while (count < COUNT_OF(n->args) && n->args[count])
        count++;
    return count;
}

static bool refused_settle(lane *l, const need *n, span said, err *e)
{
    switch (n->refused) {
    case REFUSAL_NO_DUMP: /* every value goes element by element then */
        l->can_dump = false;
        log_warn("the %s does not let us DUMP (right %s): values are compared element by element, "
                 "which takes longer",
                 lane_name(l), n->right);
        return true;
    case REFUSAL_NO_EXPIRETIME: /* before 7.0; and where it is not allowed PTTL may be */
        l->has_pexpiretime = false;
        return true;
    case REFUSAL_NO_FUNCTIONS: /* before 7.0 there are none; a right is another matter */
        if (!span_starts(said, "NOPERM")) return true;
        break;
    case REFUSAL_IS_ERROR:
        break;
    }
    (void)lane_refused(l, said, n->args[0], e);
    *e->hint = '\0';
    (void)err_hint(e, "give the user of the %s the right %s on all keys (~*)", lane_name(l),
                   n->right);
    return false;
}

static bool lane_rights(lane *l, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    for (size_t i = 0; i < COUNT_OF(needs); i++) {
        const need *n = &needs[i];
        const reply *r = NULL;
        if (n->source_only && l->side != SIDE_SOURCE) continue;
        if (l->has_pexpiretime && strcmp(n->args[0], "PTTL") == 0) continue;
        if (!engine_try_texts(l->engine, &memory, &r, e, arg_count(n), n->args)) return false;
        if (reply_is_error(r) && !refused_settle(l, n, r->text, e)) return false;
    }
    return true;
}

bool rights_check(verify *v, err *e)
{
    return lane_rights(&v->source, e) && lane_rights(&v->target, e);
}
