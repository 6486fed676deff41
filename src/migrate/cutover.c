#include "migrate/cutover.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/scan.h"
#include "migrate/attach.h"
#include "migrate/changes.h"
#include "migrate/facts.h"
#include "migrate/gate.h"
#include "migrate/hold.h"
#include "migrate/hook.h"
#include "migrate/hooks.h"

#define DRAIN_MS 1000
#define REPLICAS_MS 1000
#define KILL_GRACE_US 200000
/* Held expiries are made real in two steps before the hold. What is nearer than the guard of a step
 * stays held; the guard of the second follows protocol.md R18 (5 s + 2 x lag + skew) with the
 * hold's own deadline on top, the first leaves time for its pass over all keys. */
#define GUARD_BASE_MS 10000
#define GUARD_FAR_MIN_MS 60000
#define PASS_KEYS_PER_S 100000
#define PASS_HASHES_PER_S 50000 /* where fields expire */
/* A verification older than this says little about now. */
#define VERIFICATION_AGE_MAX_MS (INT64_C(24) * 3600 * 1000)

typedef struct {
    move *m;
    const cutover_order *order;
    int64_t number;       /* of this attempt */
    int64_t hold_ns;      /* when the hold began */
    int64_t released_ns;  /* when the clients were let go */
    uint64_t hold_offset; /* F1 */
    uint64_t fence_offset;
} attempt;

typedef bool step_run(attempt *a, err *e);

static bool step_check(attempt *a, err *e);
static bool step_release_expiries(attempt *a, err *e);
static bool step_hold(attempt *a, err *e);
static bool step_drain(attempt *a, err *e);
static bool step_fence(attempt *a, err *e);
static bool step_drain_again(attempt *a, err *e);
static bool step_settle(attempt *a, err *e);
static bool step_switch(attempt *a, err *e);
static bool step_let_go(attempt *a, err *e);
static bool step_kill(attempt *a, err *e);

/* One row per step; the texts are what --dry-run prints. %ms is the deadline of the hold. */
static const struct step_row {
    int number;
    const char *name;
    const char *sends[HOLD_FORM_COUNT]; /* NULL: as with HOLD_WRITES */
    bool undoable;                      /* a miss in it is taken back */
    bool strict; /* its begin is on the disk before it is done, not only in the journal */
    step_run *run;
} steps[] = {
    {1,
     "check",
     {"target: AUTH, PING, EXISTS, INFO on a new connection; lag, quarantine, verification, hook, "
      "fence address"},
     true,
     true,
     step_check},
    {2,
     "release far expiries",
     {"target: SCAN, PEXPIRETIME, EVAL (PEXPIREAT of held keys that live longer)"},
     true,
     true,
     step_release_expiries},
    {3,
     "hold",
     {"source: MULTI; CLIENT PAUSE %ms WRITE; INFO replication; EXEC",
      "source: MULTI; CLIENT PAUSE " HOLD_PAUSE_TEXT "; ACL SETUSER -@write for each user; INFO "
      "replication; EXEC (reads wait too; then writers get NOPERM)",
      "source: MULTI; CLIENT PAUSE " HOLD_PAUSE_TEXT
      "; INFO replication; EXEC (reads wait too); on a connection with MONITOR, which the pause "
      "does not stop: CLIENT LIST, CLIENT KILL ID for each client, INFO replication"},
     true,
     false,
     step_hold},
    {4,
     "drain",
     {"nothing: the link applies everything up to that offset, within 1000 ms"},
     true,
     false,
     step_drain},
    {5,
     "fence",
     {"source: MULTI; REPLICAOF 127.0.0.1 1; INFO replication; EXEC",
      "nothing: no user may write any more",
      "source, as the first when the pause ends: SLAVEOF 127.0.0.1 1; INFO replication"},
     true,
     false,
     step_fence},
    {6,
     "drain again",
     {"nothing: everything up to the fence's offset, within 1000 ms"},
     true,
     false,
     step_drain_again},
    {7,
     "settle",
     {"target: INFO replication, WAIT (its replicas hold all), EVAL (PEXPIREAT of the last held "
      "keys)"},
     true,
     false,
     step_settle},
    {8,
     "switch",
     {"runs the switch hook; from here on only the operator turns back"},
     false,
     true,
     step_switch},
    {9,
     "let go",
     {"source: CLIENT UNPAUSE (waiting writers get READONLY, blocked ones UNBLOCKED)",
      "nothing: the pause is over by itself, and writers get NOPERM",
      "nothing: the pause is over by itself, and writers get READONLY"},
     false,
     false,
     step_let_go},
    {10,
     "disconnect",
     {"source: CLIENT KILL TYPE normal, after 200 ms (clients resolve again)"},
     false,
     true,
     step_kill},
};

static const char *sends_of(const move *m, const struct step_row *row)
{
    const char *own = row->sends[hold_form_of(m)];
    return own ? own : row->sends[HOLD_WRITES];
}

/* A replica that relays late hides how far behind the link is: the source itself is asked. */
static bool relay_is_fast(move *m, const link_status *s, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info;
    uint64_t offset = 0;
    err late;
    if (!s->receiver.at_replica) return true;
    if (!move_source(m, e) || !engine_info(m->source, &memory, "replication", &info, e))
        return false;
    if (!info_u64(info, "master_repl_offset", &offset))
        return err_set(e, ERR_FORMAT, "INFO replication of the source has no master_repl_offset");
    if (link_drain(m->link, offset, deadline_in_ms(m->options->lag_max_ms), &late)) return true;
    attach_missed(m, offset);
    err_set(e, ERR_STATE, "the replica that feeds the link is more than %" PRId64 " ms behind",
            m->options->lag_max_ms);
    return err_hint(e, "the link goes to the source by itself; wait until it is in sync");
}

static bool lag_is_small(move *m, err *e)
{
    link_status s = link_status_get(m->link);
    if (s.phase == LINK_STREAM && s.lag_ms <= m->options->lag_max_ms)
        return relay_is_fast(m, &s, e);
    err_set(e, ERR_STATE, "the link is %" PRId64 " ms behind (at most %" PRId64 " for a cutover)",
            s.lag_ms, m->options->lag_max_ms);
    return err_hint(e, "wait until it is in sync, or raise --lag-max");
}

bool cutover_is_postponed(const char *workdir)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/postpone", workdir);
    return access(path, F_OK) == 0;
}

static bool not_postponed(move *m, err *e)
{
    if (!cutover_is_postponed(m->options->workdir)) return true;
    err_set(e, ERR_STATE, "the file '%s/postpone' holds the cutover", m->options->workdir);
    return err_hint(e, "delete it when the cutover may begin");
}

/* What stops the link altogether was put there on purpose. */
static bool throttle_allows(move *m, err *e)
{
    throttle_status s = link_status_get(m->link).throttle;
    if (s.reason != THROTTLE_FILE && s.reason != THROTTLE_MEMORY) return true;
    err_set(e, ERR_STATE, "the link is %s", throttle_show(&s).text);
    return err_hint(e, "take the file away, or give the target more memory (or a higher limit)");
}

static bool quarantine_is_clear(move *m, err *e)
{
    struct journal_quarantine_count count = {0};
    if (!journal_quarantine_count(m->journal, &count, e)) return false;
    if (count.all == count.accepted) return true;
    err_set(e, ERR_STATE, "%" PRIu64 " key%s in quarantine: not on the target, or different there",
            count.all - count.accepted, count.all - count.accepted == 1 ? " is" : "s are");
    return err_hint(
        e, "'migrate quarantine list' names them, 'retry' copies them again; a verification that "
           "finds both sides equal clears them");
}

static bool verification_is_fresh(move *m, bool skip, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_verification v = {0};
    if (skip) return true;
    if (!journal_verification_last(m->journal, &memory, &v, e)) return false;
    int64_t age_ms = clock_wall_ms() - v.at_ms;
    int64_t copied_ms = 0;
    if (!journal_get_i64(m->journal, "generation_ms", 0, &copied_ms, e)) return false;
    bool before_copy = v.at_ms > 0 && v.at_ms < copied_ms;
    if (v.at_ms > 0 && !before_copy && v.differences == 0 && age_ms <= VERIFICATION_AGE_MAX_MS)
        return true;
    if (v.at_ms == 0) {
        err_set(e, ERR_STATE, "the target was never verified");
    } else if (before_copy) {
        err_set(e, ERR_STATE, "the last verification is older than the last full copy");
    } else if (v.differences > 0) {
        err_set(e, ERR_STATE, "the last verification found %" PRIu64 " differences", v.differences);
    } else {
        err_set(e, ERR_STATE, "the last verification is %" PRId64 " hours old", age_ms / 3600000);
    }
    return err_hint(e, "run 'handover verify --workdir %s ...', or take it on with '--skip-verify'",
                    m->options->workdir);
}

/* A target that was emptied a moment ago: the link finds out with its next checkpoint. */
static bool checkpoint_is_there(move *m, err *e)
{
    bool found = false;
    checkpoint c = {0};
    if (!link_checkpoint_get(m->target, m->link_id, &found, &c, e)) return false;
    if (found) return true;
    err_set(e, ERR_STATE, "the target's checkpoint is gone: it lost its data");
    err_blame(e, SIDE_TARGET);
    return err_hint(e,
                    "a full copy begins by itself within some seconds; wait until it is in sync");
}

/* REPLICAOF an address where a server answers would overwrite the source's data. From here this can
 * be seen only when the source is on this machine. */
static bool fence_address_is_free(move *m, err *e)
{
    if (!net_conn_is_local(engine_conn(m->source))) return true;
    net_target t = {
        .host = HOLD_FENCE_HOST, .port = HOLD_FENCE_PORT, .in_max = 4 * KIB, .out_max = 4 * KIB};
    net_conn *c = NULL;
    err ignored;
    if (!net_conn_open(m->loop, &t, deadline_in_ms(500), &c, &ignored)) return true;
    net_conn_free(c);
    err_set(e, ERR_STATE,
            "something listens on " HOLD_FENCE_HOST ":" HOLD_FENCE_PORT_TEXT
            ", where the fence points the source to");
    return err_hint(e, "stop it for the time of the cutover");
}

static bool step_check(attempt *a, err *e)
{
    move *m = a->m;
    return not_postponed(m, e) && lag_is_small(m, e) && throttle_allows(m, e) &&
           quarantine_is_clear(m, e) && verification_is_fresh(m, a->order->skip_verify, e) &&
           (!m->options->switch_hook || hook_check(m->options->switch_hook, e)) &&
           move_source(m, e) && move_target(m, e) && hold_check(m, e) &&
           checkpoint_is_there(m, e) &&
           (a->order->skip_network || m->options->skip_network || gate_network(m, e)) &&
           fence_address_is_free(m, e) && hooks_before(m, HOOK_CUTOVER, e);
}

/* Until the hold a renewal may be in flight for as long as the lag; under it nothing is renewed. */
static int64_t guard_near_ms(const move *m, int64_t lag_ms)
{
    int64_t source = m->source_skew_ms < 0 ? -m->source_skew_ms : m->source_skew_ms;
    int64_t target = m->target_skew_ms < 0 ? -m->target_skew_ms : m->target_skew_ms;
    return GUARD_BASE_MS + 2 * lag_ms + (source > target ? source : target);
}

/* Long enough for a pass over all keys to be a small part of it. */
static bool guard_far_find(move *m, int64_t *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info = {0};
    span line = {0};
    int64_t pass_ms = 0;
    if (!engine_info(m->target, &memory, "keyspace", &info, e)) return false;
    while (span_cut(&info, '\n', &line)) {
        span number = {0};
        uint64_t keys = 0;
        if (!span_starts(line, "db") || !span_cut(&line, ':', &number) ||
            !info_part(line, "keys", &number) || !span_to_u64(number, &keys))
            continue;
        pass_ms += (int64_t)(keys * 1000 / PASS_KEYS_PER_S);
        if (info_fields_expiring(line) > 0) pass_ms += (int64_t)(keys * 1000 / PASS_HASHES_PER_S);
    }
    int64_t near_ms = guard_near_ms(m, m->options->lag_max_ms);
    int64_t guard_ms = 4 * (pass_ms > near_ms ? pass_ms : near_ms);
    *ret = guard_ms > GUARD_FAR_MIN_MS ? guard_ms : GUARD_FAR_MIN_MS;
    return true;
}

/* Far ones first, which may take a while under traffic; then those that got near meanwhile, so
 * that only a few are left for the time of the hold. A link that fell behind in between would let
 * keys expire before their renewal arrives: then not now. */
static bool step_release_expiries(attempt *a, err *e)
{
    release_result far = {0};
    release_result near = {0};
    int64_t guard_ms = 0;
    move *m = a->m;
    if (!guard_far_find(m, &guard_ms, e) || !journal_relax(m->journal, false, e) ||
        !journal_set_i64(m->journal, EXPIRIES_RELEASED, 1, e) ||
        !link_release_far(m->link, m->target, guard_ms, &far, e) || !lag_is_small(m, e) ||
        !link_release_near(m->link, m->target, guard_near_ms(m, link_status_get(m->link).lag_ms),
                           &near, e))
        return false;
    log_debug("released %" PRIu64 " held expiries, %" PRIu64 " stay held",
              far.released + near.released, near.held);
    return lag_is_small(m, e);
}

static bool step_hold(attempt *a, err *e)
{
    link_throttle_lift(a->m->link, true); /* no limit may lengthen the hold */
    a->hold_ns = clock_ns();
    return hold_begin(a->m, &a->hold_offset, e);
}

static bool drain(attempt *a, uint64_t offset, err *e)
{
    if (link_drain(a->m->link, offset, deadline_in_ms(DRAIN_MS), e)) return true;
    attach_missed(a->m, offset);
    return false;
}

static bool step_drain(attempt *a, err *e)
{
    return drain(a, a->hold_offset, e);
}

static bool step_fence(attempt *a, err *e)
{
    a->fence_offset = a->hold_offset;
    return hold_fence(a->m, &a->fence_offset, e);
}

/* Nothing behind the fence is applied from here on, not even the full copy of a source that was
 * restarted (R21): soon the target takes writes. */
static bool step_drain_again(attempt *a, err *e)
{
    link_limit(a->m->link, a->fence_offset);
    return drain(a, a->fence_offset, e);
}

static bool replicas_wait(move *m, err *e)
{
    bool there = false;
    if (!link_replicas_wait(m->target, REPLICAS_MS, &there, e)) return false;
    if (there) return true;
    err_set(e, ERR_TIMEOUT, "the target's replicas did not catch up within %d ms", REPLICAS_MS);
    return err_blame(e, SIDE_TARGET);
}

static bool time_is_left(const attempt *a, err *e)
{
    int64_t used_ms = (clock_ns() - a->hold_ns) / NS_PER_MS;
    if (used_ms < a->m->options->cutover_deadline_ms) return true;
    return err_set(e, ERR_TIMEOUT, "the hold took %" PRId64 " ms, its deadline is %" PRId64,
                   used_ms, a->m->options->cutover_deadline_ms);
}

/* The last held expiries become real at the very end: a miss behind that would leave keys that
 * expire on the target while the source renews them. */
static bool step_settle(attempt *a, err *e)
{
    release_result last = {0};
    return replicas_wait(a->m, e) && time_is_left(a, e) &&
           link_release_near(a->m->link, a->m->target, 0, &last, e);
}

static bool step_switch(attempt *a, err *e)
{
    const migrate_options *o = a->m->options;
    if (!o->switch_hook) return true;
    hook h = {.file = o->switch_hook,
              .phase = "switch",
              .source_host = a->m->source_url.host,
              .source_port = a->m->source_url.port,
              .target_host = a->m->target_url.host,
              .target_port = a->m->target_url.port,
              .workdir = o->workdir,
              .timeout_ms = HOOK_TIMEOUT_MS};
    if (hook_run(&h, e)) return true;
    e->kind = ERR_STOPPED; /* neither failed nor done: it waits for a decision */
    return err_hint(
        e, "both sides are fenced and wait for you: 'migrate cutover --force' if the "
           "clients are on the target, 'migrate cutover --undo' if they are on the source");
}

static bool step_let_go(attempt *a, err *e)
{
    bool done = false;
    /* A hook may take long: the connection may be gone, which only a use of it shows. */
    for (int i = 0; i < 2 && !done; i++)
        done = move_source(a->m, e) && hold_end(a->m, e);
    if (!done) {
        return err_hint(e, "the clients are on the target: 'migrate cutover --force' goes on, also "
                           "when the source cannot be reached");
    }
    a->released_ns = clock_ns();
    return true;
}

static bool step_kill(attempt *a, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    (void)usleep(KILL_GRACE_US);
    return move_source(a->m, e) &&
           engine_ask(a->m->source, &memory, &r, e, "CLIENT", "KILL", "TYPE", "normal");
}

/* Changes that a step makes are in the journal before the hold begins: writing them costs a sync
 * of the disk, and under the hold every millisecond counts. */
static bool changes_plan(attempt *a, err *e)
{
    return journal_relax(a->m->journal, false, e) && hold_plan(a->m, e);
}

static bool step_do(attempt *a, const struct step_row *row, err *e)
{
    struct journal_step s = {.cutover = a->number,
                             .number = row->number,
                             .name = row->name,
                             .text = sends_of(a->m, row)};
    int64_t id = 0;
    if (!journal_relax(a->m->journal, !row->strict, e) ||
        !journal_step_begin(a->m->journal, &s, &id, e) ||
        !journal_relax(a->m->journal, row->run != step_kill, e))
        return false;
    bool done = row->run(a, e);
    err second = {0};
    char result[600];
    (void)snprintf(result, sizeof result, "%s%s", done ? "done" : "missed: ", done ? "" : e->text);
    if (!journal_step_end(a->m->journal, id, result, &second)) log_warn("%s", second.text);
    return done || err_wrap(e, "cutover, step %d (%s)", row->number, row->name);
}

/* Back to before: writes resume on the source, the link goes on. */
static bool attempt_undo(attempt *a, err *e)
{
    release_result held = {0};
    bool done = hold_undo(a->m, e);
    link_limit(a->m->link, UINT64_MAX);
    link_throttle_lift(a->m->link, false);
    if (!done || !move_target(a->m, e) || !link_hold_again(a->m->link, a->m->target, &held, e)) {
        log_warn("the expiries on the target could not be held again: a new full copy begins");
        link_full_sync(a->m->link); /* the note in the journal stays until it has */
        return false;
    }
    return journal_unset(a->m->journal, EXPIRIES_RELEASED, e);
}

/* Every way out leaves the journal strict. Answers false: it keeps the error that led here. */
static bool strict_again(move *m)
{
    err second = {0};
    if (!journal_relax(m->journal, false, &second)) log_error("%s", second.text);
    return false;
}

/* A fence that could not be taken away keeps the state: the next run takes it back first. */
static bool back_to_following(move *m, const char *why, bool *ret_fenced, err *e)
{
    journal_state now;
    if (!move_state(m, &now, e) || !hold_is_fenced(m, ret_fenced, e)) return false;
    if (now != JOURNAL_FENCED || *ret_fenced) return true;
    return move_enter(m, JOURNAL_CATCHING_UP, why, e);
}

static bool cutover_missed(attempt *a, err *e)
{
    err second = {0};
    bool fenced = false;
    (void)strict_again(a->m);
    if (!attempt_undo(a, &second)) log_error("taking the cutover back: %s", second.text);
    if (!back_to_following(a->m, "cutover taken back", &fenced, &second))
        log_error("%s", second.text);
    hooks_after(a->m, HOOK_CUTOVER, false); /* writes go on by now */
    if (!fenced) {
        return err_hint(
            e, "nothing is lost: writes go on at the source and the link follows; try again");
    }
    e->hint[0] = '\0'; /* what the step advised comes second now */
    err_hint(e,
             "'migrate cutover --undo' takes the fence away, and so does the next 'migrate run'");
    return err_wrap(e, "the source may still refuse writes: taking back failed after");
}

static bool numbers_note(const attempt *a, err *e)
{
    int64_t hold_us = (a->released_ns - a->hold_ns) / 1000;
    return journal_set_i64(a->m->journal, "hold_us", hold_us, e) &&
           journal_set_i64(a->m->journal, "fence_offset", (int64_t)a->fence_offset, e);
}

/* What is left when the clients are on the target: nothing is held there any more. */
static bool switched(move *m, err *e)
{
    release_result swept = {0};
    move_drop_connections(m); /* CLIENT KILL may have ended them */
    move_link_stop(m);
    if (!move_target(m, e) || !release_sweep(m->target, false, &swept, e)) return false;
    if (swept.released > 0)
        log_info("%" PRIu64 " more expiries released after the switch", swept.released);
    return journal_unset(m->journal, EXPIRIES_RELEASED, e) &&
           move_enter(m, JOURNAL_SWITCHED, "the target takes the writes", e);
}

bool cutover_run(move *m, const cutover_order *order, err *e)
{
    attempt a = {.m = m, .order = order};
    if (!journal_cutover_next(m->journal, &a.number, e)) return false;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool before_hold = steps[i].run == step_hold;
        if (before_hold &&
            !(changes_plan(&a, e) && move_enter(m, JOURNAL_FENCED, "cutover begins", e)))
            return cutover_missed(&a, e);
        if (step_do(&a, &steps[i], e)) continue;
        if (steps[i].run == step_check) return strict_again(m); /* nothing was done yet */
        if (steps[i].undoable) return cutover_missed(&a, e);
        if (steps[i].run == step_kill) {
            log_warn("%s: connections to the source stay open; they can only read", e->text);
            continue;
        }
        return strict_again(m);
    }
    if (!change_keep(m, CHANGE_PAUSE, e)) return false;
    if (!numbers_note(&a, e) || !switched(m, e)) return false;
    hooks_after(m, HOOK_CUTOVER, true);
    return true;
}

bool cutover_force(move *m, err *e)
{
    attempt a = {.m = m};
    err ignored = {0};
    /* The hold has ended by itself by now; UNPAUSE and KILL are for stragglers. */
    if (!step_let_go(&a, &ignored) || !step_kill(&a, &ignored)) log_warn("%s", ignored.text);
    if (!change_keep(m, CHANGE_PAUSE, e) || !switched(m, e)) return false;
    hooks_after(m, HOOK_CUTOVER, true);
    return true;
}

bool cutover_undo(move *m, err *e)
{
    attempt a = {.m = m};
    bool fenced = false;
    if (m->link && !attempt_undo(&a, e)) return false;
    if (!m->link && !hold_undo(m, e)) return false;
    return back_to_following(m, "cutover taken back by the operator", &fenced, e);
}

/* Whether the last attempt's hook had begun. */
static bool hook_had_begun(move *m, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    int64_t next = 0;
    struct journal_step *rows = NULL;
    size_t count = 0;
    if (!journal_cutover_next(m->journal, &next, e) ||
        !journal_steps(m->journal, next - 1, &memory, &rows, &count, e))
        return false;
    *ret = false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, "switch") == 0) *ret = true;
    return true;
}

bool cutover_recover(move *m, err *e)
{
    bool begun = false;
    if (!hook_had_begun(m, &begun, e)) return false;
    if (begun) {
        err_set(e, ERR_STOPPED,
                "a cutover was interrupted after its switch step began; the source is fenced");
        return err_hint(e, "'migrate cutover --force' if the clients are on the target, "
                           "'migrate cutover --undo' if they are on the source");
    }
    log_warn("a cutover was interrupted before its switch step; it is taken back");
    return cutover_undo(m, e);
}

char *cutover_describe(move *m, bool skip_network)
{
    static const char *const taken_back[HOLD_FORM_COUNT] = {
        [HOLD_WRITES] = "REPLICAOF NO ONE; CLIENT UNPAUSE",
        [HOLD_USERS] = "ACL SETUSER, each user's rules as they were",
        [HOLD_UNPAUSED] = "SLAVEOF NO ONE",
    };
    buf out = buf_of(64 * KIB);
    bool fits =
        buf_printf(&out, "cutover of %s to %s, step by step:\n", m->source_text, m->target_text);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        const char *sends = sends_of(m, &steps[i]);
        const char *mark = strstr(sends, "%ms");
        fits = fits && buf_printf(&out, "  %2d %-21s ", steps[i].number, steps[i].name);
        if (mark) {
            fits = fits && buf_append(&out, span_of(sends, (size_t)(mark - sends))) &&
                   buf_printf(&out, "%" PRId64 "%s\n", m->options->cutover_deadline_ms, mark + 3);
        } else {
            fits = fits && buf_printf(&out, "%s\n", sends);
        }
    }
    fits = fits &&
           buf_printf(&out,
                      "a miss in steps 3 to 7 takes everything back: source: %s\nswitch hook: %s\n",
                      taken_back[hold_form_of(m)],
                      m->options->switch_hook ? m->options->switch_hook : "none") &&
           gate_describe(m, skip_network || m->options->skip_network, &out);
    assert(fits);
    char *text = mem_text(buf_span(&out));
    buf_clear(&out);
    return text;
}
