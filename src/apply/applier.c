#include "apply/applier.h"

#include <unistd.h>

#include "apply/reconcile.h"
#include "apply/snapshot.h"
#include "apply/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define TURN_MS 200
/* In the snapshot a little more is let come together before each turn: a wake-up for every packet
 * and every few answers costs a fifth of the CPU, and latency does not matter there. */
#define BATCH_US 1000
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 5000
/* Out of memory on the target is nothing to retry quickly (protocol.md R7). */
#define RETRY_OOM_MS 5000

struct applier {
    apply_context *x;
    pthread_t thread;
    net_loop *loop;
    net_wake *wake;
    int64_t retry_ms;
    checkpoint at;
    uint64_t full_sync_asked_for; /* the generation that was found to be of no use */
};

bool refusal_is_passing(span text)
{
    static const char *const passing[] = {
        "OOM",   "MOVED",   "ASK",        "TRYAGAIN",    "READONLY",   "LOADING",
        "BUSY ", "MISCONF", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN",
    };
    /* How redis 7 and valkey word a refusal that comes only at EXEC. */
    static const char aborted[] = "EXECABORT Transaction discarded because of: ";
    span cause = span_starts(text, aborted) ? span_tail(text, strlen(aborted)) : text;
    for (size_t i = 0; i < COUNT_OF(passing); i++)
        if (span_starts(cause, passing[i])) return true;
    return false;
}

static bool stopping(const applier *a)
{
    return atomic_load(&a->x->shared->stop);
}

/* What the operator and the target want just now; answers whether all writing shall stop. */
static bool pause_is_wanted(applier *a)
{
    link_shared *h = a->x->shared;
    governor *g = &a->x->governor;
    int64_t now_ns = clock_ns();
    pthread_mutex_lock(&h->lock);
    bool paused = h->pause_wanted;
    governor_learn(g, &h->evidence, now_ns);
    governor_limit(g, &h->limits, h->throttle_lifted);
    h->throttled = governor_reason(g, now_ns);
    pthread_mutex_unlock(&h->lock);
    return paused;
}

/* How long to wait for something to happen: no longer than until more may be written. */
static int turn_ms(applier *a)
{
    throttle_budget b = governor_budget(&a->x->governor, clock_ns());
    return b.ops > 0 || b.wait_ms > TURN_MS ? TURN_MS : b.wait_ms;
}

static void wait_ms(applier *a, int64_t ms)
{
    int64_t until = deadline_in_ms(ms);
    while (!stopping(a) && deadline_left_ms(until) > 0)
        net_loop_turn(a->loop, deadline_left_ms(until));
}

static bool generation_is_over(const applier *a)
{
    return spool_origin_get(a->x->spool).generation != a->at.generation;
}

/* The keys of the snapshot, when keys that are not in it must go. */
static bool keys_open(applier *a, bool fresh, err *e)
{
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s/keys", a->x->options->workdir);
    keyset_free(a->x->keys);
    a->x->keys = NULL;
    return !a->at.reconcile || keyset_open(dir, fresh, &a->x->keys, e);
}

static void keys_drop(applier *a)
{
    char dir[4096];
    err ignored;
    (void)snprintf(dir, sizeof dir, "%s/keys", a->x->options->workdir);
    keyset_free(a->x->keys);
    a->x->keys = NULL;
    /* Left-over files are overwritten by the next snapshot. */
    if (!keyset_delete(dir, &ignored)) log_debug("%s", ignored.text);
}

static bool checkpoint_put(applier *a, const checkpoint *c, bool begin, err *e)
{
    apply_context *x = a->x;
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(64 * KIB);
    size_t count = 0;
    const reply *answers[2];
    if (!target_checkpoint(&x->target, &out, x->key.text, c, begin, &count))
        return err_set(e, ERR_LIMIT, "no room for a checkpoint");
    if (!engine_pipeline(x->target.engine, &memory, buf_span(&out), count, answers, e))
        return false;
    const reply *last = answers[count - 1];
    if (reply_is_error(last)) {
        x->fatal = !refusal_is_passing(last->text);
        err_set(e, ERR_REFUSED, "the target refused the checkpoint: %s",
                reply_show(last->text).text);
        return err_blame(e, SIDE_TARGET);
    }
    if (last->kind == REPLY_NIL) return err_set(e, ERR_STATE, "the target's checkpoint is gone");
    pthread_mutex_lock(&x->shared->lock);
    x->shared->progress.generation = c->generation;
    x->shared->progress.checkpoint_offset = c->offset;
    x->shared->progress.checkpoint_in_snapshot = c->in_snapshot;
    if (begin) { /* whoever sees the new generation must not see the old one's stream with it */
        x->shared->progress.applied_offset = 0;
        x->shared->phase = LINK_SNAPSHOT;
    }
    pthread_mutex_unlock(&x->shared->lock);
    a->at = *c;
    return true;
}

/* Keys without this move's checkpoint are somebody else's: a target that was exchanged, or loaded
 * from somewhere. Only a policy that says so may delete them. */
static bool target_is_ours(applier *a, bool found, err *e)
{
    bool keys = false;
    if (found || a->x->options->policy != TARGET_EMPTY) return true;
    if (!reconcile_keys_are_there(a->x->target.engine, found, &keys, e)) return false;
    if (!keys) return true;
    a->x->fatal = true;
    err_set(e, ERR_STATE, "the target holds keys, but not the checkpoint of this move");
    err_blame(e, SIDE_TARGET);
    return err_hint(e, "is it the right server? Empty it and run again, or begin a new move with "
                       "'--target-policy replace'");
}

/* A new generation: the checkpoint of the old one is overwritten before its first byte. */
static bool generation_begin(applier *a, bool found, err *e)
{
    checkpoint c = {.generation = spool_origin_get(a->x->spool).generation, .in_snapshot = true};
    bool filled = false;
    if (!target_is_ours(a, found, e) ||
        !reconcile_is_needed(a->x->target.engine, found, &filled, e))
        return false;
    c.reconcile = filled && a->x->options->policy != TARGET_MERGE;
    if (!checkpoint_put(a, &c, true, e) || !keys_open(a, true, e)) return false;
    pthread_mutex_lock(&a->x->shared->lock);
    a->x->shared->progress.snapshot_keys = a->x->shared->progress.snapshot_bytes = 0;
    a->x->shared->progress.expired = 0;
    pthread_mutex_unlock(&a->x->shared->lock);
    return true;
}

/* Runs steps until the part is done. False: trouble, or (without an error) time to look anew. */
typedef step part_step(void *part, bool paused, bool *ret_idle, err *e);

static bool
part_run(applier *a, link_phase phase, part_step *each, void *part, bool *ret_over, err *e)
{
    *ret_over = false;
    while (!stopping(a) && !generation_is_over(a)) {
        bool paused = pause_is_wanted(a);
        bool idle = false;
        link_shared_phase(a->x->shared, paused ? LINK_PAUSED : phase);
        step s = each(part, paused, &idle, e);
        if (s == STEP_BAD) return false;
        if (s == STEP_DONE) return true;
        a->retry_ms = RETRY_FIRST_MS;
        if (idle) net_loop_turn(a->loop, turn_ms(a));
        if (idle && phase == LINK_SNAPSHOT) (void)usleep(BATCH_US);
    }
    *ret_over = true;
    return true;
}

static step snapshot_part(void *part, bool paused, bool *ret_idle, err *e)
{
    return snapshot_step(part, paused, ret_idle, e);
}

static step stream_part(void *part, bool paused, bool *ret_idle, err *e)
{
    return stream_step(part, paused, ret_idle, e);
}

static bool snapshot_apply(applier *a, bool *ret_over, err *e)
{
    snapshot *s = NULL;
    if (!snapshot_open(a->x, &a->at, &s, e)) return false;
    bool done = part_run(a, LINK_SNAPSHOT, snapshot_part, s, ret_over, e);
    unsigned stream_db = snapshot_stream_db(s);
    snapshot_free(s);
    if (!done || *ret_over) return done;
    if (a->at.reconcile && !reconcile_run(a->x, e)) return false;
    spool_origin origin = spool_origin_get(a->x->spool);
    if (origin.generation != a->at.generation) {
        *ret_over = true;
        return true;
    }
    checkpoint c = {.generation = origin.generation, .offset = origin.offset, .db = stream_db};
    if (!checkpoint_put(a, &c, false, e)) return false;
    keys_drop(a);
    return true;
}

static bool stream_apply(applier *a, bool *ret_over, err *e)
{
    stream *s = NULL;
    if (!stream_open(a->x, &a->at, &s, e)) return false;
    bool done = part_run(a, LINK_STREAM, stream_part, s, ret_over, e);
    stream_free(s);
    return done;
}

/* Whether the snapshot of this generation can be read from its first byte. The receiver is asked
 * first: what it has completed since, the spool then shows. */
static bool snapshot_is_there(applier *a, uint64_t generation)
{
    receiver_status r = receiver_status_get(a->x->receiver);
    spool_extent x = spool_extent_get(a->x->spool, LANE_SNAPSHOT);
    bool coming =
        r.generation == generation && (r.state == RECEIVER_WAITING || r.state == RECEIVER_SNAPSHOT);
    return x.begin == 0 && (x.complete || coming);
}

/* From the fence of a cutover on the target may take writes: nothing may overwrite them. */
static bool end_is_set(applier *a)
{
    pthread_mutex_lock(&a->x->shared->lock);
    bool set = a->x->shared->stop_behind != UINT64_MAX;
    pthread_mutex_unlock(&a->x->shared->lock);
    return set;
}

/* What the target's checkpoint says of the generation in the spool. */
static bool checkpoint_judge(applier *a, bool found, err *e)
{
    uint64_t generation = spool_origin_get(a->x->spool).generation;
    if (found && a->at.generation == generation) {
        pthread_mutex_lock(&a->x->shared->lock);
        /* With its place: link_confirm frees what lies below it, and no more. */
        a->x->shared->progress.generation = generation;
        a->x->shared->progress.checkpoint_offset = a->at.offset;
        a->x->shared->progress.checkpoint_in_snapshot = a->at.in_snapshot;
        pthread_mutex_unlock(&a->x->shared->lock);
        /* At offset 0 the list may still be that of the generation before. */
        return !a->at.in_snapshot || keys_open(a, a->at.offset == 0, e);
    }
    if (end_is_set(a)) {
        return err_set(e, ERR_STOPPED,
                       "a cutover is under way: no full copy is begun before it is decided");
    }
    if (snapshot_is_there(a, generation)) return generation_begin(a, found, e);
    return err_set(e, ERR_STATE, "the target's checkpoint is gone");
}

/* One life of a connection. */
static bool life(applier *a, err *e)
{
    apply_context *x = a->x;
    bool found = false;
    a->at = (checkpoint){0};
    if (!target_open(a->loop, x->options->target, x->options->link_id, &x->target, &found, &a->at,
                     e))
        return false;
    link_shared_trouble(x->shared, NULL);
    bool over = false;
    if (!checkpoint_judge(a, found, e)) return false;
    if (a->at.in_snapshot && !snapshot_apply(a, &over, e)) return false;
    return over || stream_apply(a, &over, e);
}

/* The spool cannot bring the target any further: everything anew. */
static void full_sync_ask(applier *a)
{
    uint64_t generation = spool_origin_get(a->x->spool).generation;
    if (a->full_sync_asked_for == generation) return;
    a->full_sync_asked_for = generation;
    receiver_full_sync(a->x->receiver);
}

static void trouble_handle(applier *a, const err *e)
{
    link_shared_trouble(a->x->shared, e);
    pthread_mutex_lock(&a->x->shared->lock);
    a->x->shared->progress.reconnects++;
    pthread_mutex_unlock(&a->x->shared->lock);
    if (a->x->fatal) {
        link_shared_phase(a->x->shared, LINK_STOPPED);
        while (!stopping(a))
            net_loop_turn(a->loop, TURN_MS);
        return;
    }
    bool spool_trouble = e->side != SIDE_TARGET && (e->kind == ERR_STATE || e->kind == ERR_FORMAT);
    if (spool_trouble && !generation_is_over(a)) full_sync_ask(a);
    bool oom = strstr(e->text, "OOM") != NULL;
    wait_ms(a, oom ? RETRY_OOM_MS : a->retry_ms);
    a->retry_ms = a->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : a->retry_ms * 2;
}

/* Nothing was received yet, or only what a full sync is going to replace. */
static bool nothing_of_use(const applier *a)
{
    uint64_t generation = spool_origin_get(a->x->spool).generation;
    return generation == 0 || generation == a->full_sync_asked_for;
}

static void *applier_main(void *arg)
{
    applier *a = arg;
    while (!stopping(a)) {
        if (nothing_of_use(a)) {
            link_shared_phase(a->x->shared, LINK_WAITING);
            net_loop_turn(a->loop, TURN_MS);
            continue;
        }
        err e = {0};
        bool good = life(a, &e);
        target_close(&a->x->target);
        keyset_free(a->x->keys);
        a->x->keys = NULL;
        if (!good && !stopping(a)) trouble_handle(a, &e);
    }
    return NULL;
}

applier *applier_start(apply_context *x, uint64_t useless_generation)
{
    applier *a = mem_alloc(sizeof *a);
    a->x = x;
    a->full_sync_asked_for = useless_generation;
    a->retry_ms = RETRY_FIRST_MS;
    a->loop = net_loop_new();
    a->wake = net_wake_new(a->loop);
    spool_wake_reader(x->spool, a->wake);
    governor_init(&x->governor, clock_ns());
    int failed = pthread_create(&a->thread, NULL, applier_main, a);
    assert(!failed);
    return a;
}

void applier_wake(applier *a)
{
    net_wake_send(a->wake);
}

void applier_stop(applier *a)
{
    if (!a) return;
    atomic_store(&a->x->shared->stop, true);
    net_wake_send(a->wake);
    int failed = pthread_join(a->thread, NULL);
    assert(!failed);
    spool_wake_reader(a->x->spool, NULL);
    net_wake_free(a->wake);
    net_loop_free(a->loop);
    free(a);
}
