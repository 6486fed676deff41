#include "migrate/changes.h"
#include "migrate/facts.h"
#include "migrate/hold_internal.h"

hold_form hold_form_of(const move *m)
{
    const engine_version *v = &m->source_version;
    if (v->major == 0 || engine_version_at_least(v, 6, 2)) return HOLD_WRITES;
    return engine_version_at_least(v, 6, 0) ? HOLD_USERS : HOLD_UNPAUSED;
}

bool hold_offset_in(span info, uint64_t *ret, err *e)
{
    return info_u64(info, "master_repl_offset", ret) ||
           err_set(e, ERR_FORMAT, "INFO replication of the source has no master_repl_offset");
}

/* The offset in the INFO of an EXEC whose every command succeeded. */
static bool offset_in_exec(const reply *exec, size_t count, uint64_t *ret, err *e)
{
    const reply *told = exec;
    bool found = false;
    bool good = exec->kind == REPLY_ARRAY && exec->count == count;
    for (size_t i = 0; good && i < count; i++) {
        told = &exec->items[i];
        good = !reply_is_error(told);
        if (good && told->kind == REPLY_BULK)
            found = found || info_u64(told->text, "master_repl_offset", ret);
    }
    if (good && found) return true;
    err_set(e, ERR_REFUSED, "the source answered: %s", reply_show(told->text).text);
    return err_blame(e, SIDE_SOURCE);
}

bool hold_act_and_read(move *m, const hold_act *acts, size_t count, uint64_t *ret_offset, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    static const char *const multi[] = {"MULTI"};
    static const char *const exec[] = {"EXEC"};
    const reply **answers = arena_alloc(&memory, (count + 2) * sizeof(const reply *));
    bool fits = resp_texts(&out, 1, multi);
    for (size_t i = 0; i < count; i++)
        fits = fits && resp_texts(&out, acts[i].count, acts[i].args);
    if (!fits || !resp_texts(&out, 1, exec)) return err_set(e, ERR_LIMIT, "the users' names");
    return engine_pipeline(m->source, &memory, buf_span(&out), count + 2, answers, e) &&
           offset_in_exec(answers[count + 1], count, ret_offset, e);
}

/* --- 6.2 and newer: writes alone ------------------------------------------------------------- */

static bool writes_plan(move *m, err *e)
{
    return change_plan_once(m, CHANGE_PAUSE, NULL, e) && change_plan_once(m, CHANGE_FENCE, NULL, e);
}

static bool writes_begin(move *m, uint64_t *ret_offset, err *e)
{
    char ms[24];
    (void)snprintf(ms, sizeof ms, "%" PRId64, m->options->cutover_deadline_ms);
    const hold_act acts[] = {{4, {"CLIENT", "PAUSE", ms, "WRITE"}}, HOLD_ACT_INFO};
    return hold_act_and_read(m, acts, COUNT_OF(acts), ret_offset, e);
}

static bool writes_fence(move *m, uint64_t *ret_offset, err *e)
{
    const hold_act acts[] = {{3, {"REPLICAOF", HOLD_FENCE_HOST, HOLD_FENCE_PORT_TEXT}},
                             HOLD_ACT_INFO};
    return hold_act_and_read(m, acts, COUNT_OF(acts), ret_offset, e);
}

static bool writes_end(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (engine_ask(m->source, &memory, &r, e, "CLIENT", "UNPAUSE")) return true;
    return m->source_version.major == 0; /* it may be one that does not know the word */
}

const hold_ops hold_by_writes = {
    .plan = writes_plan, .begin = writes_begin, .fence = writes_fence, .end = writes_end};

/* --- all ------------------------------------------------------------------------------------- */

static const hold_ops *ops_of(const move *m)
{
    static const hold_ops *const forms[HOLD_FORM_COUNT] = {
        [HOLD_WRITES] = &hold_by_writes,
        [HOLD_USERS] = &hold_by_users,
        [HOLD_UNPAUSED] = &hold_by_unpaused,
    };
    return forms[hold_form_of(m)];
}

bool hold_check(move *m, err *e)
{
    const hold_ops *ops = ops_of(m);
    return !ops->check || ops->check(m, e);
}

bool hold_plan(move *m, err *e)
{
    const hold_ops *ops = ops_of(m);
    assert(ops->plan);
    return ops->plan(m, e);
}

bool hold_begin(move *m, uint64_t *ret_offset, err *e)
{
    const hold_ops *ops = ops_of(m);
    assert(ops->begin);
    return ops->begin(m, ret_offset, e);
}

bool hold_fence(move *m, uint64_t *ret_offset, err *e)
{
    const hold_ops *ops = ops_of(m);
    return !ops->fence || ops->fence(m, ret_offset, e);
}

bool hold_end(move *m, err *e)
{
    const hold_ops *ops = ops_of(m);
    return !ops->end || ops->end(m, e);
}

bool hold_undo(move *m, err *e)
{
    return change_undo(m, CHANGE_FENCE, e) && change_undo(m, CHANGE_PAUSE, e) &&
           change_undo(m, CHANGE_SOURCE_USERS, e);
}

bool hold_is_fenced(move *m, bool *ret, err *e)
{
    bool users = false;
    if (!change_is_open(m, CHANGE_FENCE, ret, e) ||
        !change_is_open(m, CHANGE_SOURCE_USERS, &users, e))
        return false;
    *ret = *ret || users;
    return true;
}

bool hold_keep(move *m, err *e)
{
    return change_keep(m, CHANGE_FENCE, e) && change_keep(m, CHANGE_SOURCE_USERS, e);
}
