#include "migrate/changes.h"

#include "base/log.h"
#include "migrate/hold.h"
#include "migrate/setting.h"

/* ret_left: nothing was taken back, because what stands there is not ours. */
typedef bool change_undo_run(move *m, const char *argument, bool *ret_left, err *e);

static bool undo_fence(move *m, const char *argument, bool *ret_left, err *e)
{
    (void)argument;
    (void)ret_left;
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    bool knows = m->source_version.major == 0 || engine_version_at_least(&m->source_version, 5, 0);
    return move_source(m, e) &&
           engine_ask(m->source, &memory, &r, e, knows ? "REPLICAOF" : "SLAVEOF", "NO", "ONE");
}

static bool undo_pause(move *m, const char *argument, bool *ret_left, err *e)
{
    (void)argument;
    (void)ret_left;
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    return move_source(m, e) && engine_ask(m->source, &memory, &r, e, "CLIENT", "UNPAUSE");
}

static bool undo_users(move *m, const char *argument, bool *ret_left, err *e)
{
    (void)ret_left;
    return move_source(m, e) && hold_user_undo(m->source, argument, e);
}

static bool undo_limits(move *m, const char *argument, bool *ret_left, err *e)
{
    return move_source(m, e) &&
           setting_undo(m->source, "client-output-buffer-limit", argument, ret_left, e);
}

static bool undo_backlog(move *m, const char *argument, bool *ret_left, err *e)
{
    return move_source(m, e) && setting_undo(m->source, "repl-backlog-size", argument, ret_left, e);
}

static bool undo_policy(move *m, const char *argument, bool *ret_left, err *e)
{
    return move_target(m, e) && setting_undo(m->target, "maxmemory-policy", argument, ret_left, e);
}

static bool undo_checkpoint(move *m, const char *argument, bool *ret_left, err *e)
{
    (void)argument;
    (void)ret_left;
    return move_target(m, e) && link_checkpoint_delete(m->target, m->link_id, e);
}

/* One row per kind: what people read, what the journal keeps, how it is taken back. */
static const struct change_row {
    change_kind kind;
    err_side side;
    const char *name;
    const char *what;
    const char *undone;
    change_undo_run *undo;
} rows[] = {
    {CHANGE_FENCE, SIDE_SOURCE, "fence", "fenced with REPLICAOF 127.0.0.1 1: it refuses writes",
     "fence taken away (REPLICAOF NO ONE): it takes writes again", undo_fence},
    {CHANGE_PAUSE, SIDE_SOURCE, "pause", "writes held with CLIENT PAUSE WRITE",
     "hold taken away (CLIENT UNPAUSE)", undo_pause},
    {CHANGE_SOURCE_USERS, SIDE_SOURCE, "users", "a user's right to write taken (-@write)",
     "a user may write again", undo_users},
    {CHANGE_SOURCE_LIMITS, SIDE_SOURCE, "client-output-buffer-limit",
     "client-output-buffer-limit of replicas raised", "client-output-buffer-limit set back",
     undo_limits},
    {CHANGE_SOURCE_BACKLOG, SIDE_SOURCE, "repl-backlog-size", "repl-backlog-size raised",
     "repl-backlog-size set back", undo_backlog},
    {CHANGE_TARGET_POLICY, SIDE_TARGET, "maxmemory-policy", "maxmemory-policy set to noeviction",
     "maxmemory-policy set back", undo_policy},
    {CHANGE_CHECKPOINT, SIDE_TARGET, "checkpoint", "bookkeeping key handover:checkpoint:* written",
     "bookkeeping key deleted", undo_checkpoint},
};

static const struct change_row *row_of(change_kind kind)
{
    assert(rows[kind].kind == kind);
    return &rows[kind];
}

bool change_plan(move *m, change_kind kind, const char *argument, int64_t *ret_id, err *e)
{
    const struct change_row *row = row_of(kind);
    struct journal_change c = {.side = row->side,
                               .what = row->what,
                               .undo_kind = row->name,
                               .undo_argument = argument ? argument : ""};
    return journal_change_add(m->journal, &c, ret_id, e);
}

bool change_is(const struct journal_change *c, change_kind kind)
{
    return strcmp(c->undo_kind, row_of(kind)->name) == 0;
}

bool change_is_open(move *m, change_kind kind, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_change *open = NULL;
    size_t count = 0;
    if (!journal_changes_open(m->journal, &memory, &open, &count, e)) return false;
    *ret = false;
    for (size_t i = 0; i < count; i++)
        if (change_is(&open[i], kind)) *ret = true;
    return true;
}

bool change_plan_once(move *m, change_kind kind, const char *argument, err *e)
{
    bool open = false;
    int64_t id = 0;
    if (!change_is_open(m, kind, &open, e)) return false;
    return open || change_plan(m, kind, argument, &id, e);
}

static bool change_close(move *m, change_kind kind, bool undo, err *e)
{
    const struct change_row *row = row_of(kind);
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_change *open = NULL;
    size_t count = 0;
    if (!journal_changes_open(m->journal, &memory, &open, &count, e)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!change_is(&open[i], kind)) continue;
        if (!undo) {
            if (!journal_change_kept(m->journal, open[i].id, e)) return false;
            continue;
        }
        bool left = false;
        if (!row->undo(m, open[i].undo_argument, &left, e))
            return err_wrap(e, "taking back: %s", row->what);
        if (!(left ? journal_change_kept : journal_change_undone)(m->journal, open[i].id, e))
            return false;
        if (kind != CHANGE_PAUSE && !left)
            log_info("%s: %s", row->side == SIDE_SOURCE ? "source" : "target", row->undone);
    }
    return true;
}

bool change_undo(move *m, change_kind kind, err *e)
{
    return change_close(m, kind, true, e);
}

bool change_undo_settings(move *m, err *e)
{
    return change_undo(m, CHANGE_SOURCE_LIMITS, e) && change_undo(m, CHANGE_SOURCE_BACKLOG, e) &&
           change_undo(m, CHANGE_TARGET_POLICY, e);
}

bool change_keep(move *m, change_kind kind, err *e)
{
    return change_close(m, kind, false, e);
}
