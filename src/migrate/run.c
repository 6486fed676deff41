/* The process that runs a move: preflight, link, one tick after the other until the end. */
#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "migrate/attach.h"
#include "migrate/changes.h"
#include "migrate/control.h"
#include "migrate/cutover.h"
#include "migrate/exporter.h"
#include "migrate/facts.h"
#include "migrate/finish.h"
#include "migrate/hook.h"
#include "migrate/hooks.h"
#include "migrate/load_end.h"
#include "migrate/preflight.h"
#include "migrate/progress.h"
#include "migrate/quarantine.h"
#include "migrate/status.h"
#include "migrate/throttle.h"

#define TICK_MS 100
#define SECOND_NS NS_PER_S
/* A missed automatic cutover is tried again after this, twice as long after each further miss:
 * every try may hold the writes. */
#define CUTOVER_RETRY_NS (5 * NS_PER_S)
#define CUTOVER_RETRY_MOST_NS (300 * NS_PER_S)
#define ASK_SOURCE_NS (NS_PER_S / 4)
/* In sync: this little behind, for so many ticks in a row. */
#define IN_SYNC_TICKS 3
/* No more in sync: so long without a stream from the source, whatever the lag seems to be. */
#define AWAY_TICKS 20

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled = 1;
}

/* The verification beside the running link. */
typedef struct {
    move *m;
    pthread_t thread;
    bool running;
    atomic_bool done;
    int64_t begun_ms; /* wall clock */
    volatile sig_atomic_t stop;
    bool good;
    migrate_verification result;
    err trouble;
} verifier;

typedef struct {
    move m;
    control *control;
    exporter *exporter; /* NULL: no metrics are asked for */
    preflight_result found;
    bool replica_left; /* and said so */
    progress progress;
    verifier verifier;
    int64_t next_second_ns;
    int in_sync_ticks;
    int away_ticks;
    int64_t next_ask_ns;
    bool source_is_known; /* its offset was asked while the stream was being applied */
    uint64_t generation_seen;
    bool verified; /* for the automatic cutover */
    int64_t cutover_retry_ns;
    int64_t next_cutover_ns;
    bool over;
    bool clean; /* the spool is of no more use */
    int exit_code;
} runner;

static void signals_take(void)
{
    struct sigaction a = {.sa_handler = on_signal};
    (void)sigemptyset(&a.sa_mask);
    (void)sigaction(SIGINT, &a, NULL);
    (void)sigaction(SIGTERM, &a, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A replica that relays late hides how far behind the link is. */
static bool relay_is_late(const runner *r)
{
    int64_t late_ns = r->m.options->lag_max_ms * NS_PER_MS;
    return r->m.relay_ns && clock_ns() - r->m.relay_ns > late_ns;
}

/* What the source has written, as it says itself: what was received may be all and yet not be. */
static void source_ask(runner *r, const link_status *s)
{
    CLEANUP(arena_clear) arena memory = {0};
    err ignored = {0};
    span info;
    uint64_t offset = 0;
    if (s->phase != LINK_STREAM) r->source_is_known = false;
    if (s->phase != LINK_STREAM || clock_ns() < r->next_ask_ns) return;
    r->next_ask_ns = clock_ns() + ASK_SOURCE_NS;
    r->source_is_known = move_source(&r->m, &ignored) &&
                         engine_info(r->m.source, &memory, "replication", &info, &ignored) &&
                         info_u64(info, "master_repl_offset", &offset);
    if (!r->source_is_known) {
        engine_free(r->m.source);
        r->m.source = NULL; /* the receiver says by itself what is wrong with the source */
        return;
    }
    pthread_mutex_lock(&r->m.lock);
    r->m.source_offset = offset;
    attach_watch(&r->m, s, info);
    pthread_mutex_unlock(&r->m.lock);
}

/* Says once that the replica was left. */
static void replica_watch(runner *r, const link_status *s)
{
    if (r->replica_left || !s->receiver.left.kind) return;
    r->replica_left = true;
    log_warn("%s; the link goes to the source from now on", s->receiver.left.text);
}

/* Says once that the link stalls, and once that it goes on. */
static void watch(runner *r, const link_status *s)
{
    int64_t now_ns = clock_ns();
    pthread_mutex_lock(&r->m.lock);
    watchdog *w = &r->m.watchdog;
    bool stalled = w->activity == ACTIVITY_STALLED;
    watchdog_look(w, s, r->source_is_known ? r->m.source_offset : 0, now_ns);
    bool stalls = w->activity == ACTIVITY_STALLED;
    watchdog_text text = watchdog_show(w, now_ns);
    pthread_mutex_unlock(&r->m.lock);
    if (stalls && !stalled) log_warn("%s; the link waits and goes on by itself", text.text);
    if (stalled && !stalls) log_info("the link is no longer stalled");
}

static journal_state state_wanted(runner *r, const link_status *s, journal_state now)
{
    if (now == JOURNAL_FENCED || now == JOURNAL_SWITCHED) return now;
    bool streaming = s->phase == LINK_STREAM;
    if (s->phase == LINK_PAUSED) return JOURNAL_PAUSED;
    if (s->phase == LINK_CONNECTING || s->phase == LINK_STOPPED) return now;
    if (!streaming) {
        r->in_sync_ticks = 0;
        return JOURNAL_SNAPSHOT;
    }
    if (now == JOURNAL_SNAPSHOT || now == JOURNAL_CHECKED) return JOURNAL_CATCHING_UP;
    /* Everything the source had written when it was last asked is applied, or nearly so. */
    bool near = r->source_is_known && !relay_is_late(r) && s->lag_ms <= r->m.options->lag_max_ms &&
                (s->progress.applied_offset >= r->m.source_offset || s->lag_bytes > 0);
    r->in_sync_ticks = near ? r->in_sync_ticks + 1 : 0;
    bool was = now == JOURNAL_IN_SYNC || now == JOURNAL_VERIFIED;
    if (r->in_sync_ticks >= IN_SYNC_TICKS) return was ? now : JOURNAL_IN_SYNC;
    r->away_ticks = s->receiver.state == RECEIVER_STREAM ? 0 : r->away_ticks + 1;
    bool far = s->lag_ms > 5 * r->m.options->lag_max_ms || r->away_ticks > AWAY_TICKS;
    return was && !far ? now : JOURNAL_CATCHING_UP;
}

static const char *state_reason(journal_state state)
{
    switch (state) {
    case JOURNAL_SNAPSHOT:
        return "copying the source's snapshot";
    case JOURNAL_CATCHING_UP:
        return "applying what was written meanwhile";
    case JOURNAL_IN_SYNC:
        return "the target follows the source";
    case JOURNAL_PAUSED:
        return "paused; what the source writes is kept in the spool";
    case JOURNAL_VERIFIED:
        return "both sides were found equal";
    case JOURNAL_NEW:
    case JOURNAL_CHECKED:
    case JOURNAL_FENCED:
    case JOURNAL_SWITCHED:
    case JOURNAL_FINISHED:
    case JOURNAL_ABORTED:
    case JOURNAL_ROLLED_BACK:
    case JOURNAL_STATE_COUNT:
        break;
    }
    return "";
}

static bool state_follow(runner *r, const link_status *s, err *e)
{
    struct journal_state_row row;
    if (!journal_state_now(r->m.journal, &row, e)) return false;
    journal_state want = state_wanted(r, s, row.state);
    bool fresh = s->progress.generation > r->generation_seen;
    if (fresh && r->generation_seen > 0) {
        log_warn("the source answered with a full sync; the move goes through its snapshot again");
        r->verified = false;
        if (r->m.options->policy == TARGET_MERGE) {
            log_warn("policy merge: keys that the source deleted in between stay on the target; "
                     "'handover verify' lists them as extra");
        }
    }
    if (fresh) {
        r->generation_seen = s->progress.generation;
        if (!journal_set_i64(r->m.journal, "generation", (int64_t)r->generation_seen, e) ||
            !journal_set_i64(r->m.journal, "generation_ms", clock_wall_ms(), e) ||
            !journal_unset(r->m.journal, EXPIRIES_RELEASED, e))
            return false;
    }
    /* The table knows one way out of a pause at a time; others go through it. */
    if (row.state == JOURNAL_PAUSED && want != JOURNAL_PAUSED &&
        !journal_state_may_follow(row.state, row.interrupted, want))
        want = row.interrupted;
    if (want != row.state && !journal_state_may_follow(row.state, row.interrupted, want)) {
        if (!journal_state_may_follow(row.state, row.interrupted, JOURNAL_SNAPSHOT)) return true;
        if (!move_enter(&r->m, JOURNAL_SNAPSHOT, state_reason(JOURNAL_SNAPSHOT), e)) return false;
        if (!journal_state_may_follow(JOURNAL_SNAPSHOT, JOURNAL_SNAPSHOT, want)) return true;
    }
    if (!move_enter(&r->m, want, state_reason(want), e)) return false;
    bool copied = row.state == JOURNAL_SNAPSHOT || row.state == JOURNAL_CHECKED;
    if (copied && want == JOURNAL_CATCHING_UP) hooks_after(&r->m, HOOK_SNAPSHOT, true);
    if (row.state == JOURNAL_CATCHING_UP && want == JOURNAL_IN_SYNC)
        hooks_after(&r->m, HOOK_IN_SYNC, true);
    return true;
}

static bool status_store(runner *r, err *e)
{
    json_t *status = status_make(&r->m);
    char *text = json_dumps(status, JSON_COMPACT);
    bool done = journal_status_write(r->m.journal, text, e);
    free(text);
    json_decref(status);
    return done;
}

/* Once a second: the spool's safe segments, the stored status. */
static bool second_tick(runner *r, err *e)
{
    err ignored = {0};
    if (clock_ns() < r->next_second_ns) return true;
    r->next_second_ns = clock_ns() + SECOND_NS;
    if (!move_target(&r->m, &ignored) || !link_confirm(r->m.link, r->m.target, &ignored)) {
        engine_free(r->m.target);
        r->m.target = NULL; /* the link says by itself what is wrong with the target */
    }
    return status_store(r, e);
}

static void *verifier_main(void *arg)
{
    verifier *v = arg;
    const migrate_options *o = v->m->options;
    v->good =
        o->verify_run(&v->m->source_url, &v->m->target_url, &v->stop, &v->result, &v->trouble);
    atomic_store(&v->done, true);
    return NULL;
}

static void verifier_start(runner *r)
{
    verifier *v = &r->verifier;
    v->m = &r->m;
    v->trouble = (err){0};
    v->result = (migrate_verification){0};
    atomic_store(&v->done, false);
    v->stop = 0;
    v->begun_ms = clock_wall_ms();
    log_info("verifying both sides while the link follows");
    v->running = pthread_create(&v->thread, NULL, verifier_main, v) == 0;
    pthread_mutex_lock(&r->m.lock);
    r->m.verifying = v->running;
    pthread_mutex_unlock(&r->m.lock);
}

static void verifier_join(runner *r)
{
    verifier *v = &r->verifier;
    if (!v->running) return;
    (void)pthread_join(v->thread, NULL);
    v->running = false;
    pthread_mutex_lock(&r->m.lock);
    r->m.verifying = false;
    pthread_mutex_unlock(&r->m.lock);
}

static bool verifier_result(runner *r, err *e)
{
    verifier *v = &r->verifier;
    if (!v->good) {
        *e = v->trouble;
        return err_wrap(e, "verification");
    }
    struct journal_verification row = {.result = v->result.equal ? "equal" : "different",
                                       .keys = v->result.keys,
                                       .differences = v->result.differences,
                                       .seconds = v->result.seconds,
                                       .detail = v->result.detail ? v->result.detail : "{}"};
    bool noted = journal_verification_add(r->m.journal, &row, e);
    free(v->result.detail);
    if (!noted) return false;
    log_info("verified %" PRIu64 " keys in %.1f s: %" PRIu64 " differences", row.keys, row.seconds,
             row.differences);
    if (!v->result.equal) {
        log_error("the verification found %" PRIu64 " differences: no cutover\n  do: see 'handover "
                  "verify'; the link can go on: run again with '--cutover manual'",
                  row.differences);
        r->exit_code = 1;
        r->over = true;
        return true;
    }
    r->verified = true;
    if (!journal_quarantine_clear(r->m.journal, v->begun_ms, e) ||
        !move_enter(&r->m, JOURNAL_VERIFIED, state_reason(JOURNAL_VERIFIED), e))
        return false;
    hooks_after(&r->m, HOOK_VERIFY, true);
    return true;
}

static void summary_print(runner *r, const link_status *s)
{
    int64_t hold_us = 0;
    err ignored;
    if (!journal_get_i64(r->m.journal, "hold_us", 0, &hold_us, &ignored)) hold_us = 0;
    printf("summary of the move\n");
    printf("  snapshot  %" PRIu64 " keys, %s\n", s->progress.snapshot_keys,
           bytes_show((double)s->progress.snapshot_bytes).text);
    printf("  stream    %" PRIu64 " commands\n", s->progress.commands);
    printf("  hold      %.1f ms\n", (double)hold_us / 1000.0);
    printf("  next      'handover migrate finish --workdir %s' takes back what was changed; until "
           "then the source stands still with all its data\n",
           r->m.options->workdir);
    (void)fflush(stdout);
}

static bool do_cutover(runner *r, const cutover_order *order, err *e)
{
    link_status s = link_status_get(r->m.link);
    progress_end(&r->progress);
    if (!cutover_run(&r->m, order, e)) return false;
    summary_print(r, &s);
    r->over = true;
    return true;
}

/* The automatic course: in sync, verified, cut over. A miss that was taken back is tried again. */
static bool auto_follow(runner *r, err *e)
{
    const migrate_options *o = r->m.options;
    journal_state now;
    if (!o->cutover_auto || r->over) return true;
    if (r->verifier.running) {
        if (!atomic_load(&r->verifier.done)) return true;
        verifier_join(r);
        return verifier_result(r, e);
    }
    if (!move_state(&r->m, &now, e)) return false;
    if (now != JOURNAL_IN_SYNC && now != JOURNAL_VERIFIED) return true;
    if (o->verify && !r->verified) {
        verifier_start(r);
        return true;
    }
    if (clock_ns() < r->next_cutover_ns || cutover_is_postponed(o->workdir)) return true;
    cutover_order order = {.skip_verify = !o->verify};
    if (do_cutover(r, &order, e)) return true;
    int64_t wait = r->cutover_retry_ns ? 2 * r->cutover_retry_ns : CUTOVER_RETRY_NS;
    r->cutover_retry_ns = wait < CUTOVER_RETRY_MOST_NS ? wait : CUTOVER_RETRY_MOST_NS;
    r->next_cutover_ns = clock_ns() + r->cutover_retry_ns;
    return false;
}

static bool order_cutover(runner *r, move_order *o, err *e)
{
    journal_state now;
    if (!move_state(&r->m, &now, e)) return false;
    if (o->cutover.dry_run) {
        o->text = cutover_describe(&r->m, o->cutover.skip_network);
        return true;
    }
    if (o->cutover.force || o->cutover.undo) {
        if (now != JOURNAL_FENCED) return err_set(e, ERR_STATE, "no cutover stands still");
        if (o->cutover.undo) {
            o->text = mem_text(span_text("taken back: writes go on at the source"));
            return cutover_undo(&r->m, e);
        }
        if (!cutover_force(&r->m, e)) return false;
        r->over = true;
    } else if (now != JOURNAL_IN_SYNC && now != JOURNAL_VERIFIED) {
        err_set(e, ERR_STATE, "the move is in phase '%s', not in sync", journal_state_name(now));
        return err_hint(e, "wait until 'migrate status' says in-sync");
    } else if (!do_cutover(r, &o->cutover, e)) {
        return false;
    }
    int64_t hold_us = 0;
    if (!journal_get_i64(r->m.journal, "hold_us", 0, &hold_us, e)) return false;
    int size =
        asprintf(&o->text, "switched: writes were held for %.1f ms", (double)hold_us / 1000.0);
    assert(size > 0);
    return true;
}

static bool order_do(runner *r, move_order *o, err *e)
{
    switch (o->kind) {
    case ORDER_PAUSE:
        link_pause(r->m.link, true);
        o->text = mem_text(span_text("pausing: the receiver goes on into the spool"));
        return true;
    case ORDER_RESUME:
        link_pause(r->m.link, false);
        o->text = mem_text(span_text("going on"));
        return true;
    case ORDER_RETRY:
        if (!move_needs_server(&r->m, "nothing is copied again", e)) return false;
        return quarantine_retry(&r->m, o->list, &o->text, &o->refused, e);
    case ORDER_COPY:
        if (!move_needs_server(&r->m, "nothing is copied again", e)) return false;
        return quarantine_copy(&r->m, o->list, &o->text, &o->refused, e);
    case ORDER_CUTOVER:
        if (!move_needs_server(&r->m, "there is no cutover", e)) return false;
        return order_cutover(r, o, e);
    case ORDER_ABORT: {
        if (!finish_abort(&r->m, &o->text, e)) return false;
        r->clean = true;
        r->over = true;
        return true;
    }
    case ORDER_THROTTLE:
    case ORDER_NONE:
        break;
    }
    return err_set(e, ERR_USAGE, "there is no such order");
}

/* Waits up to a tick for an order; does it. */
static void orders_take(runner *r)
{
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* as `changed` was made for */
    until.tv_nsec += TICK_MS * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    pthread_mutex_lock(&r->m.lock);
    if (!r->m.waiting) (void)pthread_cond_timedwait(&r->m.changed, &r->m.lock, &until);
    move_order *o = r->m.waiting;
    pthread_mutex_unlock(&r->m.lock);
    if (!o) return;
    bool good = order_do(r, o, &o->trouble);
    pthread_mutex_lock(&r->m.lock);
    o->good = good;
    o->done = true;
    r->m.waiting = NULL;
    pthread_cond_broadcast(&r->m.changed);
    pthread_mutex_unlock(&r->m.lock);
}

static bool interrupted(runner *r, err *e)
{
    progress_end(&r->progress);
    err_set(e, ERR_STOPPED, "stopped by a signal");
    return err_hint(e, "nothing is lost: 'handover migrate run --workdir %s ...' goes on from here",
                    r->m.options->workdir);
}

static bool link_stopped(const link_status *s, err *e)
{
    *e = s->trouble;
    return err_hint(e, "settle the cause and run again: it goes on from the checkpoint");
}

/* Keys set aside since the comparison need another one before the next automatic cutover. */
static bool verified_review(runner *r, err *e)
{
    struct journal_quarantine_count count = {0};
    if (!journal_quarantine_count(r->m.journal, &count, e)) return false;
    if (count.all > count.accepted) r->verified = false;
    return true;
}

/* --- a file is loaded ------------------------------------------------------------------------ */

/* The end: counted, taken back, over. */
static bool load_over(runner *r, bool same, err *e)
{
    struct journal_quarantine_count set_aside = {0};
    if (!journal_quarantine_count(r->m.journal, &set_aside, e) ||
        !hooks_before(&r->m, HOOK_FINISH, e) || !load_finish(&r->m, e))
        return false;
    hooks_after(&r->m, HOOK_FINISH, true);
    uint64_t open = set_aside.all - set_aside.accepted;
    if (open > 0) {
        log_warn("%" PRIu64 " keys of the file are in the quarantine and not on the target: "
                 "'handover migrate quarantine --workdir %s list'",
                 open, r->m.options->workdir);
    }
    if (open > 0 || !same) r->exit_code = 1;
    r->clean = true;
    r->over = true;
    return true;
}

static void load_summary_print(runner *r, const link_status *s)
{
    progress_end(&r->progress);
    printf("loaded '%s': %" PRIu64 " keys written, %s; %" PRIu64 " were over and left out\n",
           r->m.load.path, s->progress.snapshot_keys, bytes_show((double)r->m.load.file.bytes).text,
           s->progress.expired);
}

static bool load_follow(runner *r, const link_status *s, err *e)
{
    bool same = false;
    if (s->receiver.is_dead) {
        *e = s->receiver.trouble;
        return false;
    }
    if (s->phase == LINK_PAUSED)
        return move_enter(&r->m, JOURNAL_PAUSED, "paused; nothing is written", e);
    if (s->phase == LINK_CONNECTING || s->phase == LINK_STOPPED) return true;
    if (!move_enter(&r->m, JOURNAL_SNAPSHOT, "loading the file", e)) return false;
    if (s->phase != LINK_STREAM) return true;
    load_summary_print(r, s);
    hooks_after(&r->m, HOOK_SNAPSHOT, true);
    return load_compare(&r->m, &same, e) && load_over(r, same, e);
}

static bool load_tick(runner *r, const link_status *s, err *e)
{
    watch(r, s);
    if (!second_tick(r, e) || !load_follow(r, s, e)) return false;
    if (s->phase == LINK_STOPPED) return link_stopped(s, e);
    if (!r->over) orders_take(r);
    return true;
}

static bool tick(runner *r, err *e)
{
    if (signalled) return interrupted(r, e);
    if (!r->m.link) {
        err_set(e, ERR_STATE, "the link is stopped, and what was to follow did not end well");
        return err_hint(e, "run again: it finds out where the move stands");
    }
    link_status s = link_status_get(r->m.link);
    pthread_mutex_lock(&r->m.lock);
    r->m.last = s;
    pthread_mutex_unlock(&r->m.lock);
    if (!quarantine_note(&r->m, e)) return false;
    progress_update(&r->progress, &r->m, &s);
    if (r->m.source_url.is_file) return load_tick(r, &s, e);
    source_ask(r, &s);
    watch(r, &s);
    replica_watch(r, &s);
    if (!state_follow(r, &s, e) || !second_tick(r, e)) return false;
    if (s.phase == LINK_STOPPED) return link_stopped(&s, e);
    if (!auto_follow(r, e)) {
        journal_state now;
        err second = {0};
        bool back = e->kind != ERR_STOPPED && move_state(&r->m, &now, &second) &&
                    now != JOURNAL_FENCED && (r->verified || !r->m.options->verify);
        if (!back) return false;
        log_warn("%s; trying again in %" PRId64 " s", e->text,
                 r->cutover_retry_ns / NS_PER_S); /* a missed cutover was taken back */
        if (!verified_review(r, e)) return false;
    }
    if (!r->over) orders_take(r);
    return true;
}

/* Changes the settings the preflight planned, each noted before. */
static bool settings_change(runner *r, const preflight_result *p, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answer = NULL;
    for (size_t i = 0; i < p->setting_count; i++) {
        const setting_change *c = &p->settings[i].change;
        bool at_source = c->side == SIDE_SOURCE;
        setting_argument old = setting_remember(c);
        if (!change_plan_once(&r->m, p->settings[i].kind, old.text, e)) return false;
        if (!engine_ask(at_source ? r->m.source : r->m.target, &memory, &answer, e, "CONFIG", "SET",
                        c->name, c->wanted))
            return false;
        log_info("%s: %s set from '%s' to '%s', with your consent", at_source ? "source" : "target",
                 c->name, c->old, c->wanted);
    }
    return true;
}

static const char *snapshot_commands(const move *m)
{
    return engine_version_at_least(&m->target_version, 7, 0)
               ? "MSET, SET .. PXAT, RESTORE .. REPLACE, FUNCTION LOAD REPLACE"
               : "MSET, SET, RESTORE .. REPLACE, PEXPIREAT";
}

static void dry_run_print_file(move *m, const preflight_result *p)
{
    printf("plan: %s to %s (%s)\n", m->source_text, m->target_text,
           engine_version_show(&m->target_version).text);
    printf("  data       %" PRIu64 " keys, %s in RDB version %u, saved by %s\n", p->source_keys,
           bytes_show((double)p->source_bytes).text, m->load.summary.version,
           engine_version_show(&m->source_version).text);
    for (size_t i = 0; i < p->setting_count; i++) {
        const setting_change *c = &p->settings[i].change;
        printf("  target     CONFIG SET %s '%s' (now '%s')\n", c->name, c->wanted, c->old);
    }
    printf("  target     %s; GET and SET handover:checkpoint:%s in db 0\n", snapshot_commands(m),
           m->link_id);
    printf("  target     keys that are over by then are left out; nothing is held back\n");
    if (m->options->policy == TARGET_REPLACE)
        printf("  target     UNLINK of keys the file has not (SCAN of the target)\n");
    printf("  target     SCAN, TYPE: keys are counted against the file; then the move ends\n");
}

static void dry_run_print(move *m, const preflight_result *p)
{
    if (m->source_url.is_file) {
        dry_run_print_file(m, p);
        return;
    }
    printf("plan: %s (%s) to %s (%s)\n", m->source_text,
           engine_version_show(&m->source_version).text, m->target_text,
           engine_version_show(&m->target_version).text);
    char *node = m->replica_url.host ? engine_url_place(&m->replica_url) : NULL;
    if (node) printf("  replica    '%s' gets the link's PSYNC in the source's place\n", node);
    free(node);
    printf("  data       %" PRIu64 " keys, %s; the source writes %s/s now\n", p->source_keys,
           bytes_show((double)p->source_bytes).text, bytes_show(p->write_bytes_per_s).text);
    printf(
        "  source     AUTH; PING; CLIENT SETNAME; REPLCONF capa eof capa psync2 capa dual-channel; "
        "PSYNC ? -1 (one snapshot, about %.0f s%s); REPLCONF ACK every second\n",
        p->snapshot_s,
        p->dual_channel && !m->replica_url.host ? ", over a connection of its own: SYNC" : "");
    for (size_t i = 0; i < p->setting_count; i++) {
        const setting_change *c = &p->settings[i].change;
        printf("  %-9s  CONFIG SET %s '%s' (now '%s')\n",
               c->side == SIDE_SOURCE ? "source" : "target", c->name, c->wanted, c->old);
    }
    printf(
        "  target     CLIENT LIST, CLIENT KILL ID of this link's earlier connections; GET and SET "
        "handover:checkpoint:%s in db 0\n",
        m->link_id);
    printf("  target     snapshot: %s; expiries within %" PRId64 " s held (+2^45 ms)\n",
           snapshot_commands(m), m->options->hold_horizon_ms / 1000);
    printf("  target     stream: MULTI, up to 1000 commands, SET checkpoint, EXEC\n");
    if (m->options->policy == TARGET_REPLACE)
        printf("  target     UNLINK of keys the source has not (SCAN of the target)\n");
    char *steps = cutover_describe(m, m->options->skip_network);
    printf("%s", steps);
    free(steps);
}

/* Whether this move has written to the target, also when it was killed before it could note so. */
static bool target_is_begun(runner *r, bool *ret, err *e)
{
    checkpoint c;
    return move_target(&r->m, e) && link_checkpoint_get(r->m.target, r->m.link_id, ret, &c, e);
}

/* A move that begins is checked; one that goes on was, and has what it needs on the target. */
static bool preflight(runner *r, journal_state now, err *e)
{
    preflight_result *p = &r->found;
    bool begun = false;
    if (now == JOURNAL_CHECKED && !target_is_begun(r, &begun, e)) return false;
    bool fresh = now == JOURNAL_NEW || (now == JOURNAL_CHECKED && !begun);
    /* Settings of a start that was killed: taken back, and planned anew from what stands then. */
    if (fresh && !r->m.options->dry_run && !change_undo_settings(&r->m, e)) return false;
    if (r->m.source_url.is_file && !load_check(&r->m.load, r->m.source_url.host, r->m.journal,
                                               fresh || r->m.options->dry_run, e))
        return false;
    if (!preflight_run(&r->m, p, e)) return false;
    if (!fresh && !r->m.options->dry_run) return true;
    if (!preflight_judge(p, e)) return false;
    if (r->m.options->dry_run) {
        dry_run_print(&r->m, p);
        r->over = true;
        return true;
    }
    return hooks_before(&r->m, HOOK_SNAPSHOT, e) &&
           change_plan_once(&r->m, CHANGE_CHECKPOINT, NULL, e) && settings_change(r, p, e) &&
           (now == JOURNAL_CHECKED ||
            move_enter(&r->m, JOURNAL_CHECKED, "the preflight found nothing against it", e));
}

static bool versions_are_alike(const engine_version *a, const engine_version *b)
{
    return a->product == b->product && a->major == b->major && a->minor == b->minor;
}

static bool run_link(runner *r, err *e)
{
    const migrate_options *o = r->m.options;
    char throttle_file[4096];
    (void)snprintf(throttle_file, sizeof throttle_file, "%s%s",
                   o->throttle_file ? o->throttle_file : o->workdir,
                   o->throttle_file ? "" : "/throttle");
    if (!throttle_begin(&r->m, &o->throttle, e)) return false;
    link_options l = {.link_id = r->m.link_id,
                      .workdir = o->workdir,
                      .source = &r->m.source_url,
                      .target = &r->m.target_url,
                      .replica = r->m.replica_url.host ? &r->m.replica_url : NULL,
                      .spool_bytes_max = o->spool_bytes_max,
                      .spool_segment_bytes = o->spool_segment_bytes,
                      .hold_horizon_ms = o->hold_horizon_ms,
                      .source_skew_ms = r->m.source_skew_ms,
                      .source_silence_ms = r->found.source_silence_ms,
                      .policy = o->policy,
                      .flush_pass = o->flush_pass,
                      .throttle = r->m.limits,
                      .throttle_file = throttle_file,
                      .target_rdb_version = r->m.target_version.rdb_version,
                      .source_rdb_version = r->m.source_version.rdb_version,
                      .same_version =
                          versions_are_alike(&r->m.source_version, &r->m.target_version),
                      .fields_expire = engine_version_expires_fields(&r->m.target_version)};
    if (r->m.source_url.is_file) {
        l.file = &r->m.load.file;
        l.spool_bytes_max = load_spool_bytes(&r->m.load, o->spool_bytes_max);
    }
    sync_link *link = NULL;
    int64_t generation = 0;
    if (!journal_get_i64(r->m.journal, "generation", 0, &generation, e)) return false;
    r->generation_seen = (uint64_t)generation;
    int64_t released = 0;
    if (!journal_get_i64(r->m.journal, EXPIRIES_RELEASED, 0, &released, e)) return false;
    l.full_sync = released != 0;
    if (l.full_sync) {
        log_warn("a cutover was interrupted while expiries on the target were real: a new full "
                 "copy begins");
    }
    if (!link_start(&l, &link, e)) return false;
    pthread_mutex_lock(&r->m.lock);
    r->m.link = link;
    pthread_mutex_unlock(&r->m.lock);
    attach_text at = attach_show(&r->m, &r->m.last);
    if (l.replica) log_info("the link goes to the replica: %s", at.why);
    watchdog_init(&r->m.watchdog, clock_ns());
    bool good = control_start(&r->m, &r->control, e) &&
                (!r->exporter || exporter_start(r->exporter, &r->m, e));
    while (good && !r->over)
        good = tick(r, e);
    progress_end(&r->progress);
    r->verifier.stop = 1;
    verifier_join(r);
    err second = {0};
    if (r->m.link && !quarantine_note(&r->m, &second)) log_warn("%s", second.text);
    if (!status_store(r, &second)) log_warn("%s", second.text);
    return good;
}

/* Askers still waiting are told; then nobody asks any more. */
static void askers_send_away(runner *r)
{
    pthread_mutex_lock(&r->m.lock);
    r->m.over = true;
    pthread_cond_broadcast(&r->m.changed);
    pthread_mutex_unlock(&r->m.lock);
    control_stop(r->control);
    exporter_close(r->exporter);
}

/* What becomes of the target's own keys is decided once: a later run that forgot the option would
 * delete what the first was told to keep. */
static bool policy_note(move *m, err *e)
{
    static const char *const names[] = {"empty", "merge", "replace"};
    CLEANUP(arena_clear) arena memory = {0};
    const char *known = NULL;
    const char *name = names[m->options->policy];
    if (m->options->dry_run) return true;
    if (!journal_get(m->journal, "target_policy", &memory, &known, e)) return false;
    if (!known) return journal_set(m->journal, "target_policy", name, e);
    if (strcmp(known, name) == 0) return true;
    err_set(e, ERR_USAGE, "this move was begun with '--target-policy %s', not '%s'", known, name);
    return err_hint(e, "say the same again; another policy needs another work directory");
}

static bool begin(runner *r, err *e)
{
    journal_state now;
    if (!move_state(&r->m, &now, e)) return false;
    if (now == JOURNAL_SWITCHED || now == JOURNAL_FINISHED) {
        log_info("nothing to do: this move is %s", journal_state_name(now));
        r->over = true;
        return true;
    }
    if (now == JOURNAL_ABORTED || now == JOURNAL_ROLLED_BACK) {
        err_set(e, ERR_STATE, "this move was %s", journal_state_name(now));
        return err_hint(e, "begin another one in a new work directory");
    }
    if (!policy_note(&r->m, e)) return false;
    if (r->m.source_url.is_file) {
        bool compared = false;
        bool same = false;
        if (r->m.options->cutover_auto)
            return move_needs_server(&r->m, "'--cutover auto': there is no cutover", e);
        if (!load_is_compared(&r->m, &compared, &same, e)) return false;
        if (compared) return load_over(r, same, e);
    }
    if (now == JOURNAL_FENCED && !cutover_recover(&r->m, e)) return false;
    return move_state(&r->m, &now, e) && preflight(r, now, e);
}

bool migrate_run(const migrate_options *o, int *ret_exit, err *e)
{
    runner r = {0};
    signals_take();
    progress_init(&r.progress, o->progress);
    if (o->switch_hook && !hook_check(o->switch_hook, e)) return false;
    if (o->metrics && !exporter_open(o->metrics, &r.exporter, e)) return false;
    if (!move_open(&r.m, o, true, e)) {
        exporter_close(r.exporter);
        return false;
    }
    bool good = begin(&r, e) && (r.over || run_link(&r, e));
    askers_send_away(&r);
    move_close(&r.m);
    if (r.clean) finish_clean(o->workdir);
    *ret_exit = r.exit_code;
    return good;
}
