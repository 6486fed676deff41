#include "apply/link.h"

#include <unistd.h>

#include "apply/applier.h"
#include "apply/copy.h"
#include "apply/gauge.h"
#include "apply/hold.h"
#include "apply/release.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/info.h"

#define POLL_US 100
#define MODE_TIMEOUT_MS 30000
#define CONFIRM_MS_MAX 1000 /* of one WAIT: below the time limit of an answer */
#define ASK_US 5000
/* A segment is given free only when it is no more written to: several must fit into the spool, or a
 * full one could never be emptied. */
#define SEGMENTS_MIN 4

struct sync_link {
    link_options options;
    char *link_id;
    char *workdir;
    char *throttle_file;
    engine_url source;
    engine_url target;
    apply_context context;
    link_shared shared;
    applier *applier;
    gauge *gauge;
    /* What waits for the target's replicas: they hold it when all are at `master_offset`. */
    struct {
        bool waiting;
        bool in_snapshot;
        uint64_t generation;
        uint64_t position;
        uint64_t master_offset;
    } confirm;
};

/* How a start goes on, from what the spool and the target hold. Pure. */
typedef struct {
    bool full_sync;
    bool restart_stream; /* the target is further than the spool */
    uint64_t position;
    uint64_t generation_used; /* of the checkpoint; a spool that was deleted counts from 1 again */
} start_plan;

static start_plan plan_make(const link_options *o,
                            const spool_origin *origin,
                            const spool_extent *snapshot,
                            const spool_extent *stream,
                            bool found,
                            const checkpoint *c)
{
    start_plan full = {.full_sync = true};
    if (origin->generation == 0 || !found || c->generation != origin->generation) return full;
    if (o->file && strcmp(origin->replid, o->file->identity) != 0) return full;
    if (c->in_snapshot) { /* a file gives what is missing of it again */
        bool whole = (snapshot->complete || o->file) && c->offset >= snapshot->begin &&
                     c->offset <= snapshot->end && stream->begin == origin->offset;
        return whole ? (start_plan){0} : full;
    }
    if (c->offset < stream->begin) return full;
    return (start_plan){.restart_stream = c->offset > stream->end, .position = c->offset};
}

static bool plan_find(sync_link *l, start_plan *ret, err *e)
{
    net_loop *loop = net_loop_new();
    target_conn t = {0};
    bool found = false;
    checkpoint c = {0};
    bool done = target_open(loop, &l->target, l->link_id, &t, &found, &c, e);
    target_close(&t);
    net_loop_free(loop);
    if (!done) return false;
    spool_origin origin = spool_origin_get(l->context.spool);
    spool_extent snapshot = spool_extent_get(l->context.spool, LANE_SNAPSHOT);
    spool_extent stream = spool_extent_get(l->context.spool, LANE_STREAM);
    *ret = plan_make(&l->options, &origin, &snapshot, &stream, found, &c);
    if (l->options.full_sync) *ret = (start_plan){.full_sync = true};
    ret->generation_used = found ? c.generation : 0;
    return true;
}

static void link_free(sync_link *l)
{
    spool_free(l->context.spool);
    link_shared_clear(&l->shared);
    engine_url_clear(&l->source);
    engine_url_clear(&l->target);
    free(l->link_id);
    free(l->workdir);
    free(l->throttle_file);
    free(l);
}

static bool spool_prepare(sync_link *l, err *e)
{
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s/spool", l->workdir);
    uint64_t bytes_max = l->options.spool_bytes_max;
    spool_options o = {.dir = dir,
                       .bytes_max = bytes_max,
                       .segment_bytes =
                           size_min(l->options.spool_segment_bytes, bytes_max / SEGMENTS_MIN)};
    return spool_open(&o, &l->context.spool, e);
}

bool link_start(const link_options *o, sync_link **ret, err *e)
{
    sync_link *l = mem_alloc(sizeof *l);
    l->options = *o;
    l->options.link_id = l->link_id = mem_text(span_text(o->link_id));
    l->options.workdir = l->workdir = mem_text(span_text(o->workdir));
    if (o->throttle_file)
        l->options.throttle_file = l->throttle_file = mem_text(span_text(o->throttle_file));
    l->source = engine_url_copy(o->source);
    l->target = engine_url_copy(o->target);
    l->options.source = &l->source;
    l->options.target = &l->target;
    l->options.replica = NULL;
    link_shared_init(&l->shared);
    l->shared.limits = o->throttle;
    l->context.options = &l->options;
    l->context.shared = &l->shared;
    l->context.key = checkpoint_key_of(l->link_id);
    start_plan plan = {0};
    bool done = spool_prepare(l, e) && plan_find(l, &plan, e);
    if (done && plan.restart_stream)
        done = spool_stream_restart(l->context.spool, plan.position, e);
    if (!done) {
        link_free(l);
        return err_wrap(e, "link");
    }
    uint64_t generation = spool_origin_get(l->context.spool).generation;
    receiver_options r = {.source = &l->source,
                          .file = l->options.file,
                          .replica = o->replica,
                          .spool = l->context.spool,
                          .full_sync = plan.full_sync,
                          .generation_used = plan.generation_used,
                          .silence_max_ms = l->options.source_silence_ms};
    l->context.receiver = receiver_start(&r);
    l->gauge = gauge_start(&l->context);
    l->applier = applier_start(&l->context, plan.full_sync ? generation : 0);
    *ret = l;
    return true;
}

void link_stop(sync_link *l)
{
    if (!l) return;
    applier_stop(l->applier);
    gauge_stop(l->gauge);
    receiver_stop(l->context.receiver);
    link_free(l);
}

link_status link_status_get(sync_link *l)
{
    link_status s = {.receiver = receiver_status_get(l->context.receiver),
                     .snapshot = spool_extent_get(l->context.spool, LANE_SNAPSHOT),
                     .stream = spool_extent_get(l->context.spool, LANE_STREAM),
                     .spool_bytes = spool_bytes(l->context.spool)};
    pthread_mutex_lock(&l->shared.lock);
    s.phase = l->shared.phase;
    s.trouble = l->shared.trouble;
    s.progress = l->shared.progress;
    s.near_keys = l->shared.near_count;
    s.throttle = (throttle_status){
        .limits = l->shared.limits, .seen = l->shared.evidence, .reason = l->shared.throttled};
    pthread_mutex_unlock(&l->shared.lock);
    bool streaming = !s.progress.checkpoint_in_snapshot && s.progress.generation > 0;
    if (streaming && s.stream.end > s.progress.applied_offset) {
        s.lag_bytes = s.stream.end - s.progress.applied_offset;
        int64_t since = s.progress.applied_wall_ms;
        if (s.progress.caught_up_wall_ms > since) since = s.progress.caught_up_wall_ms;
        s.lag_ms = since > 0 ? clock_wall_ms() - since : 0;
        if (s.lag_ms < 0) s.lag_ms = 0;
    }
    return s;
}

void link_full_sync(sync_link *l)
{
    receiver_full_sync(l->context.receiver);
}

void link_leave_replica(sync_link *l, const char *why)
{
    receiver_leave_replica(l->context.receiver, why);
}

void link_pause(sync_link *l, bool pause)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.pause_wanted = pause;
    pthread_mutex_unlock(&l->shared.lock);
    applier_wake(l->applier);
}

void link_throttle(sync_link *l, const throttle_limits *limits)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.limits = *limits;
    pthread_mutex_unlock(&l->shared.lock);
    applier_wake(l->applier);
}

void link_throttle_lift(sync_link *l, bool lift)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.throttle_lifted = lift;
    pthread_mutex_unlock(&l->shared.lock);
    applier_wake(l->applier);
}

void link_limit(sync_link *l, uint64_t offset)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.stop_behind = offset;
    pthread_mutex_unlock(&l->shared.lock);
    applier_wake(l->applier);
}

bool link_drained(sync_link *l, uint64_t offset)
{
    pthread_mutex_lock(&l->shared.lock);
    bool drained = l->shared.phase == LINK_STREAM && l->shared.progress.applied_offset >= offset;
    pthread_mutex_unlock(&l->shared.lock);
    return drained;
}

static bool link_is_stopped(sync_link *l, err *e)
{
    pthread_mutex_lock(&l->shared.lock);
    bool stopped = l->shared.phase == LINK_STOPPED;
    if (stopped) *e = l->shared.trouble;
    pthread_mutex_unlock(&l->shared.lock);
    return stopped;
}

bool link_drain(sync_link *l, uint64_t offset, int64_t deadline_ns, err *e)
{
    while (!link_drained(l, offset)) {
        if (link_is_stopped(l, e)) return err_wrap(e, "draining");
        if (deadline_left_ms(deadline_ns) == 0) {
            link_status s = link_status_get(l);
            err_set(e, ERR_TIMEOUT,
                    "draining: the source wrote up to offset %" PRIu64 ", received %" PRIu64
                    ", applied %" PRIu64,
                    offset, s.stream.end, s.progress.applied_offset);
            return false;
        }
        (void)usleep(POLL_US);
    }
    return true;
}

typedef struct {
    uint64_t count;
    uint64_t master;  /* the offset of the target as a primary */
    uint64_t slowest; /* of its slowest replica; the same without any */
} replicas;

static bool replicas_read(engine *target, replicas *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info;
    uint64_t master = 0;
    if (!engine_info(target, &memory, "replication", &info, e)) return false;
    if (!info_u64(info, "master_repl_offset", &master))
        return err_set(e, ERR_FORMAT, "INFO replication of the target has no master_repl_offset");
    uint64_t slowest = master;
    uint64_t count = 0;
    (void)info_u64(info, "connected_slaves", &count);
    for (uint64_t i = 0; i < count; i++) {
        char name[32];
        span line;
        span part;
        uint64_t offset = 0;
        (void)snprintf(name, sizeof name, "slave%" PRIu64, i);
        if (!info_text(info, name, &line) || !info_part(line, "offset", &part) ||
            !span_to_u64(part, &offset))
            continue;
        if (offset < slowest) slowest = offset;
    }
    *ret = (replicas){.count = count, .master = master, .slowest = slowest};
    return true;
}

static void confirmed_release(sync_link *l)
{
    if (l->confirm.in_snapshot) {
        /* The last segment stays until the stream's checkpoint: a start needs to see its end. */
        spool_extent x = spool_extent_get(l->context.spool, LANE_SNAPSHOT);
        uint64_t safe = l->confirm.position;
        spool_release(l->context.spool, LANE_SNAPSHOT, safe < x.end ? safe : x.end ? x.end - 1 : 0);
        return;
    }
    spool_release(l->context.spool, LANE_SNAPSHOT, UINT64_MAX);
    spool_release(l->context.spool, LANE_STREAM, l->confirm.position);
}

bool link_confirm(sync_link *l, engine *target, err *e)
{
    replicas all = {0};
    pthread_mutex_lock(&l->shared.lock);
    link_progress p = l->shared.progress;
    pthread_mutex_unlock(&l->shared.lock);
    /* The checkpoint was answered before INFO is asked: its offset there is at or below. */
    if (!replicas_read(target, &all, e)) return false;
    uint64_t generation = spool_origin_get(l->context.spool).generation;
    /* What was waited for before a full sync says nothing about the new bytes. */
    if (l->confirm.generation != generation) l->confirm.waiting = false;
    if (p.generation != generation) return true;
    if (l->confirm.waiting && all.slowest >= l->confirm.master_offset) {
        confirmed_release(l);
        l->confirm.waiting = false;
    }
    if (!l->confirm.waiting) {
        l->confirm.waiting = true;
        l->confirm.in_snapshot = p.checkpoint_in_snapshot;
        l->confirm.generation = generation;
        l->confirm.position = p.checkpoint_offset;
        l->confirm.master_offset = all.master;
        if (all.slowest >= all.master) {
            confirmed_release(l);
            l->confirm.waiting = false;
        }
    }
    return true;
}

/* By themselves replicas tell once a second how far they are; WAIT asks them. It waits for what its
 * own connection wrote, so that writes something: nothing of it stays. False: they have not
 * confirmed, or this user may not ask so. */
static bool replicas_confirm(engine *target, uint64_t count, int timeout_ms)
{
    static const char write[] = "redis.call('SET', KEYS[1], '') return redis.call('DEL', KEYS[1])";
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err ignored = {0}; /* whoever asks next meets it again */
    char number[24];
    char timeout[24];
    (void)snprintf(number, sizeof number, "%" PRIu64, count);
    (void)snprintf(timeout, sizeof timeout, "%d", timeout_ms);
    return engine_ask(target, &memory, &r, &ignored, "EVAL", write, "1", "handover:settle") &&
           engine_ask(target, &memory, &r, &ignored, "WAIT", number, timeout) &&
           r->kind == REPLY_INTEGER && r->integer >= 0 && (uint64_t)r->integer >= count;
}

bool link_replicas_wait(engine *target, int timeout_ms, bool *ret, err *e)
{
    int64_t deadline = deadline_in_ms(timeout_ms);
    replicas all = {0};
    if (!replicas_read(target, &all, e)) return false;
    int wait_ms = timeout_ms < CONFIRM_MS_MAX ? timeout_ms : CONFIRM_MS_MAX;
    *ret = all.count == 0 || replicas_confirm(target, all.count, wait_ms);
    while (!*ret && deadline_left_ms(deadline) > 0) {
        if (!replicas_read(target, &all, e)) return false;
        *ret = all.slowest >= all.master;
        if (!*ret) (void)usleep(ASK_US);
    }
    return true;
}

size_t link_incidents_read(sync_link *l, arena *memory, link_incident *ret, size_t max)
{
    pthread_mutex_lock(&l->shared.lock);
    size_t count = size_min(max, l->shared.incident_count);
    for (size_t i = 0; i < count; i++) {
        ret[i] = l->shared.incidents[i];
        ret[i].key = arena_copy(memory, ret[i].key);
    }
    pthread_mutex_unlock(&l->shared.lock);
    return count;
}

void link_incidents_drop(sync_link *l, size_t count)
{
    pthread_mutex_lock(&l->shared.lock);
    assert(count <= l->shared.incident_count);
    for (size_t i = 0; i < count; i++) {
        void *key = (void *)(uintptr_t)l->shared.incidents[i].key.at;
        free(key);
    }
    l->shared.incident_count -= count;
    if (count > 0) {
        memmove(l->shared.incidents, l->shared.incidents + count,
                l->shared.incident_count * sizeof *l->shared.incidents);
    }
    pthread_mutex_unlock(&l->shared.lock);
}

bool link_copy_keys(
    sync_link *l, engine *source, link_copy *keys, size_t count, int64_t deadline_ns, err *e)
{
    copier c = {.shared = &l->shared,
                .spool = l->context.spool,
                .source = source,
                .deadline_ns = deadline_ns};
    return copy_run(&c, keys, count, e);
}

/* Tells the applier and waits until nothing under the old mode is on its way. */
static bool mode_change(sync_link *l, hold_mode mode, int64_t guard_ms, err *e)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.hold_wanted = mode;
    l->shared.hold_guard_ms = guard_ms;
    pthread_mutex_unlock(&l->shared.lock);
    applier_wake(l->applier);
    int64_t deadline = deadline_in_ms(MODE_TIMEOUT_MS);
    for (;;) {
        pthread_mutex_lock(&l->shared.lock);
        bool seen = l->shared.hold_seen == mode && l->shared.phase == LINK_STREAM;
        pthread_mutex_unlock(&l->shared.lock);
        if (seen) return true;
        if (deadline_left_ms(deadline) == 0)
            return err_set(e, ERR_TIMEOUT, "the link does not apply the stream just now");
        (void)usleep(POLL_US);
    }
}

static bool near_list_fits(sync_link *l, err *e)
{
    pthread_mutex_lock(&l->shared.lock);
    bool overflow = l->shared.near_overflow;
    pthread_mutex_unlock(&l->shared.lock);
    if (!overflow) return true;
    err_set(e, ERR_LIMIT, "more than %zu keys expire within the time a cutover needs",
            NEAR_KEYS_MAX);
    return err_hint(e, "cut over at a time when fewer keys expire");
}

bool link_release_far(sync_link *l, engine *target, int64_t guard_ms, release_result *ret, err *e)
{
    pthread_mutex_lock(&l->shared.lock);
    l->shared.near_overflow = false;
    pthread_mutex_unlock(&l->shared.lock);
    return mode_change(l, HOLD_NEAR, guard_ms, e) &&
           release_far_run(&l->shared, target, guard_ms, ret, e) && near_list_fits(l, e);
}

bool link_release_near(sync_link *l, engine *target, int64_t guard_ms, release_result *ret, err *e)
{
    return near_list_fits(l, e) &&
           release_near_run(&l->shared, target, guard_ms, l->options.fields_expire, ret, e);
}

bool link_hold_again(sync_link *l, engine *target, release_result *ret, err *e)
{
    return mode_change(l, HOLD_FAR, 0, e) &&
           release_hold_run(target, l->options.hold_horizon_ms, ret, e);
}
