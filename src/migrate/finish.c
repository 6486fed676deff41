#include "migrate/finish.h"

#include <ftw.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "migrate/changes.h"
#include "migrate/control.h"
#include "migrate/cutover.h"
#include "migrate/hold.h"
#include "migrate/hooks.h"

/* Before anything is touched: a move that is fenced or switched has clients on their way. */
static bool abort_is_possible(move *m, err *e)
{
    struct journal_state_row row;
    if (!journal_state_now(m->journal, &row, e)) return false;
    if (journal_state_may_follow(row.state, row.interrupted, JOURNAL_ABORTED)) return true;
    err_set(e, ERR_STATE, "a move in phase '%s' cannot be aborted", journal_state_name(row.state));
    if (row.state == JOURNAL_SWITCHED)
        return err_hint(e, "the clients are on the target; 'migrate finish' ends the move");
    return err_hint(e, "decide first: 'migrate cutover --undo' or 'migrate cutover --force'");
}

bool finish_abort(move *m, char **ret_text, err *e)
{
    release_result held = {0};
    if (!abort_is_possible(m, e) || !hooks_before(m, HOOK_ABORT, e)) return false;
    move_link_stop(m);
    if (!hold_undo(m, e) || !change_undo_settings(m, e) || !move_target(m, e) ||
        !release_sweep(m->target, true, &held, e) || !change_undo(m, CHANGE_CHECKPOINT, e) ||
        !move_enter(m, JOURNAL_ABORTED, "by the operator", e))
        return false;
    int size =
        asprintf(ret_text,
                 "aborted: the source is as before; the target keeps what was copied, "
                 "%" PRIu64 " expiries of keys and hash fields in it held (they do not pass)",
                 held.held);
    assert(size > 0);
    hooks_after(m, HOOK_ABORT, true);
    return true;
}

/* Connections of applications on the source: a fence taken away would let them write where nobody
 * reads any more. */
static bool source_is_left(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (!move_source(m, e) ||
        !engine_ask(m->source, &memory, &r, e, "CLIENT", "LIST", "TYPE", "normal"))
        return false;
    size_t others = 0;
    char first[160] = "";
    span rest = r->text;
    span line;
    while (span_cut(&rest, '\n', &line)) {
        size_t at = 0;
        if (line.size < 4 || span_find(line, span_text("name=handover-"), &at)) continue;
        if (others++ == 0) {
            (void)snprintf(first, sizeof first, "%.*s", (int)size_min(line.size, 100),
                           (const char *)line.at);
        }
    }
    if (others == 0) return true;
    err_set(e, ERR_STATE,
            "the source still has %zu open connection%s (%s): without the fence they could write "
            "where nobody reads",
            others, others == 1 ? "" : "s", first);
    err_blame(e, SIDE_SOURCE);
    return err_hint(
        e, "move them to the target first, or leave the source fenced with '--keep-fence'");
}

static bool held_are_none(move *m, err *e)
{
    release_result swept = {0};
    release_result left = {0};
    if (!move_target(m, e) || !release_sweep(m->target, false, &swept, e) ||
        !release_sweep(m->target, true, &left, e))
        return false;
    if (swept.released) log_info("target: %" PRIu64 " held expiries released", swept.released);
    if (left.held == 0) return true;
    err_set(e, ERR_STATE, "%" PRIu64 " expiries on the target are still held", left.held);
    return err_blame(e, SIDE_TARGET);
}

static int entry_delete(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The spool's bytes are of no more use; the journal stays as the record of the move. */
void finish_clean(const char *workdir)
{
    static const char *const folders[] = {"spool", "keys"};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", workdir, folders[i]);
        if (access(path, F_OK) < 0) continue;
        /* Called when no other thread is left. */
        if (nftw(path, entry_delete, 16, FTW_DEPTH | FTW_PHYS) != 0) /* NOLINT(concurrency*) */
            log_warn("'%s' could not be deleted; do it by hand", path);
    }
}

static bool finish_steps(move *m, bool keep_fence, err *e)
{
    bool fenced = false;
    if (!hold_is_fenced(m, &fenced, e)) return false;
    if (fenced && !keep_fence && !source_is_left(m, e)) return false;
    if (!hooks_before(m, HOOK_FINISH, e) || !held_are_none(m, e)) return false;
    if (fenced && keep_fence && !hold_keep(m, e)) return false;
    return hold_undo(m, e) && change_undo_settings(m, e) && change_undo(m, CHANGE_CHECKPOINT, e) &&
           move_enter(m, JOURNAL_FINISHED, "every change was taken back", e);
}

static void finish_say(move *m, bool keep_fence)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_change *all = NULL;
    size_t count = 0;
    err ignored;
    if (!journal_changes_all(m->journal, &memory, &all, &count, &ignored)) return;
    printf("what was changed, and what became of it:\n");
    for (size_t i = 0; i < count; i++) {
        printf("  %-6s  %s: %s\n", all[i].side == SIDE_SOURCE ? "source" : "target", all[i].what,
               all[i].status == JOURNAL_CHANGE_KEPT ? "ended, or left on purpose" : "taken back");
    }
    if (keep_fence) {
        printf("  the source stays fenced; 'REPLICAOF NO ONE' there lifts it, before 6.2 'ACL "
               "SETUSER <user> +@write'\n");
    }
}

bool migrate_finish(const migrate_options *o, bool keep_fence, err *e)
{
    move m;
    journal_state now;
    if (!move_open(&m, o, false, e)) return false;
    bool good = move_state(&m, &now, e);
    if (good && now == JOURNAL_FINISHED) {
        printf("finished already\n");
    } else if (good && m.source_url.is_file) {
        good = move_needs_server(&m, "there is nothing to finish", e);
    } else if (good && now != JOURNAL_SWITCHED) {
        good =
            err_set(e, ERR_STATE, "the move is in phase '%s'; only a switched one can be finished",
                    journal_state_name(now));
        err_hint(e, "cut over first, or end it with 'migrate abort'");
    } else if (good) {
        good = finish_steps(&m, keep_fence, e);
        if (good) finish_say(&m, keep_fence);
        if (good) hooks_after(&m, HOOK_FINISH, true);
        if (good) finish_clean(o->workdir);
    }
    move_close(&m);
    return good;
}

bool migrate_abort(const migrate_options *o, err *e)
{
    char *text = NULL;
    move_order order = {.kind = ORDER_ABORT};
    int64_t holder = 0;
    if (!journal_lock_holder(o->workdir, &holder, e)) return false;
    bool good = false;
    if (holder != 0) {
        good = control_ask(o->workdir, &order, &text, e);
    } else {
        move m;
        if (!move_open(&m, o, false, e)) return false;
        journal_state now;
        good = move_state(&m, &now, e) && (now != JOURNAL_FENCED || cutover_recover(&m, e)) &&
               finish_abort(&m, &text, e);
        if (good) finish_clean(o->workdir);
        move_close(&m);
    }
    if (good) printf("%s\n", text);
    free(text);
    return good;
}

bool migrate_pause(const char *workdir, bool pause, err *e)
{
    char *text = NULL;
    move_order order = {.kind = pause ? ORDER_PAUSE : ORDER_RESUME};
    bool good = control_ask(workdir, &order, &text, e);
    if (good) printf("%s\n", text);
    free(text);
    return good;
}

bool migrate_throttle(const char *workdir, const throttle_limits *change, err *e)
{
    char *text = NULL;
    move_order order = {.kind = ORDER_THROTTLE, .throttle = *change};
    bool good = control_ask(workdir, &order, &text, e);
    if (good) printf("%s\n", text);
    free(text);
    return good;
}

/* Without a running process only a cutover that stands still can be decided. */
static bool cutover_offline(const migrate_options *o, const cutover_order *order, err *e)
{
    move m;
    journal_state now;
    if (!move_open(&m, o, false, e)) return false;
    bool good = move_state(&m, &now, e);
    if (good && now != JOURNAL_FENCED) {
        good = err_set(e, ERR_STATE, "no cutover stands still: the move is %s",
                       journal_state_name(now));
    } else if (good) {
        good = order->force ? cutover_force(&m, e) : cutover_undo(&m, e);
    }
    if (good)
        printf(order->force ? "switched\n" : "taken back: writes go on at the source; run again\n");
    move_close(&m);
    return good;
}

/* A move that nobody runs, and that nobody need run for it. */
static bool cutover_is_possible(const migrate_options *o, err *e)
{
    move m;
    if (!move_open(&m, o, false, e)) return false;
    bool good = move_needs_server(&m, "there is no cutover", e);
    move_close(&m);
    return good;
}

bool migrate_cutover(const migrate_options *o, const cutover_order *order, err *e)
{
    char *text = NULL;
    int64_t holder = 0;
    move_order asked = {.kind = ORDER_CUTOVER, .cutover = *order};
    if (!journal_lock_holder(o->workdir, &holder, e)) return false;
    if (holder == 0 && (order->force || order->undo)) return cutover_offline(o, order, e);
    if (holder == 0 && !cutover_is_possible(o, e)) return false;
    bool good = control_ask(o->workdir, &asked, &text, e);
    if (good) printf("%s\n", text);
    free(text);
    return good;
}
