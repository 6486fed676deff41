#include "apply/stream.h"

#include "apply/copy.h"
#include "apply/group.h"
#include "apply/library.h"
#include "apply/recast.h"
#include "apply/value.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rdb/payload.h"
#include "rdb/types.h"

#define WANT_FIRST ((size_t)1024 * 1024)
/* Without a command to commit, the checkpoint still moves every so many bytes and so often. */
#define CHECKPOINT_BYTES ((uint64_t)1024 * 1024)
#define CHECKPOINT_MS INT64_C(5000)

/* When the receiver read the bytes up to `end`. */
typedef struct {
    uint64_t end;
    int64_t wall_ms;
} record_time;

struct stream {
    apply_context *x;
    spool_reader *reader;
    buf window;
    size_t at;      /* everything before is in a group */
    uint64_t begin; /* offset of the window's first byte */
    size_t want;    /* bytes to collect before the next look */
    size_t tried;   /* bytes that were there when a unit turned out incomplete */
    record_time *times;
    size_t time_count;
    size_t time_room;
    int64_t last_wall_ms;
    resp_command command;
    unsigned db; /* of the source, at `at` */
    group groups[2];
    int building;
    bool outstanding; /* the other group is on its way */
    uint64_t committed;
    int64_t due_ns; /* of the next checkpoint without a command */
    hold_mode mode;
    int64_t guard_ms;
    uint64_t stop_behind;
    uint64_t copy_at; /* keys are copied by value here; UINT64_MAX: none */
};

bool stream_open(apply_context *x, const checkpoint *at, stream **ret, err *e)
{
    stream *s = mem_alloc(sizeof *s);
    s->x = x;
    s->reader = spool_reader_new(x->spool);
    s->window = buf_of(RESP_BULK_MAX + 16 * MIB);
    s->begin = s->committed = at->offset;
    s->want = WANT_FIRST;
    s->db = at->db;
    s->last_wall_ms = clock_wall_ms();
    s->due_ns = deadline_in_ms(CHECKPOINT_MS);
    s->copy_at = UINT64_MAX;
    copy_lost(x->shared);
    for (int i = 0; i < 2; i++) {
        group_reset(&s->groups[i]);
        s->groups[i].end = at->offset;
        s->groups[i].db = at->db;
    }
    if (!spool_reader_seek(s->reader, LANE_STREAM, at->offset, e)) {
        stream_free(s);
        return false;
    }
    pthread_mutex_lock(&x->shared->lock);
    x->shared->progress.applied_offset = x->shared->progress.checkpoint_offset = at->offset;
    x->shared->progress.checkpoint_in_snapshot = false;
    s->mode = x->shared->hold_seen = x->shared->hold_wanted;
    s->guard_ms = x->shared->hold_guard_ms;
    pthread_mutex_unlock(&x->shared->lock);
    *ret = s;
    return true;
}

void stream_free(stream *s)
{
    if (!s) return;
    spool_reader_free(s->reader);
    resp_command_clear(&s->command);
    for (int i = 0; i < 2; i++)
        group_clear(&s->groups[i]);
    buf_clear(&s->window);
    free(s->times);
    free(s);
}

static void time_note(stream *s, uint64_t end, int64_t wall_ms)
{
    if (s->time_count == s->time_room) {
        s->time_room = size_max(64, s->time_room * 2);
        s->times = mem_realloc(s->times, s->time_room * sizeof *s->times);
    }
    s->times[s->time_count++] = (record_time){.end = end, .wall_ms = wall_ms};
}

static void window_slide(stream *s)
{
    if (s->at < WANT_FIRST && s->at < s->window.size) return;
    buf_drop(&s->window, s->at);
    s->begin += s->at;
    s->at = 0;
    buf_shrink(&s->window, 4 * WANT_FIRST);
    size_t gone = 0;
    while (gone < s->time_count && s->times[gone].end <= s->begin)
        gone++;
    if (gone == 0) return;
    memmove(s->times, s->times + gone, (s->time_count - gone) * sizeof *s->times);
    s->time_count -= gone;
}

static step window_fill(stream *s, err *e)
{
    window_slide(s);
    bool some = false;
    while (s->window.size - s->at < s->want) {
        int64_t wall_ms = 0;
        step got = spool_reader_read(s->reader, &s->window, &wall_ms, e);
        if (got == STEP_BAD) return STEP_BAD;
        if (got == STEP_MORE) break;
        time_note(s, s->begin + s->window.size, wall_ms);
        some = true;
    }
    return some ? STEP_DONE : STEP_MORE;
}

/* When the receiver read the byte before this offset. */
static int64_t time_of(const stream *s, uint64_t offset)
{
    size_t low = 0;
    size_t high = s->time_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->times[middle].end < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < s->time_count ? s->times[low].wall_ms : s->last_wall_ms;
}

/* Reading one command at a time; the spans point into the window. */
typedef struct {
    const rule *rule; /* NULL: unknown, pass it on */
    const uint8_t *start;
    size_t size;
    uint64_t end;
} stream_command;

static step command_next(stream *s, size_t at, stream_command *ret, err *e)
{
    span in = span_tail(buf_span(&s->window), at);
    step got = resp_command_read(&s->command, in, s->begin + at, &ret->size, e);
    if (got != STEP_DONE) return got;
    ret->start = in.at;
    ret->end = s->begin + at + ret->size;
    ret->rule = s->command.arg_count
                    ? rule_find(resp_command_arg(&s->command, in.at, 0))
                    : rule_find(span_text("PING")); /* a lone newline: a keep-alive */
    return STEP_DONE;
}

static bool stop(stream *s, err *e, const char *hint)
{
    s->x->fatal = true;
    (void)err_blame(e, SIDE_SOURCE);
    return err_hint(e, "%s", hint);
}

static bool select_follow(stream *s, const stream_command *c, err *e)
{
    uint64_t db = 0;
    if (s->command.arg_count != 2 ||
        !span_to_u64(resp_command_arg(&s->command, c->start, 1), &db) || db > UINT16_MAX) {
        (void)err_set(e, ERR_FORMAT, "the stream holds a malformed SELECT at offset %" PRIu64,
                      c->end);
        return stop(s, e, "report this");
    }
    s->db = (unsigned)db;
    return true;
}

/* A key that may have inherited a held expiry under a new name. */
static void near_inherit(stream *s, const stream_command *c)
{
    if (s->mode != HOLD_NEAR || !c->rule->new_name || s->command.arg_count <= c->rule->new_name)
        return;
    span key = resp_command_arg(&s->command, c->start, c->rule->new_name);
    unsigned db = s->db;
    for (size_t i = c->rule->new_name + 1; i < s->command.arg_count; i++) {
        uint64_t number = 0; /* MOVE key db, COPY key key [DB db] [REPLACE] */
        if (span_to_u64(resp_command_arg(&s->command, c->start, i), &number))
            link_shared_near_add(s->x->shared, (unsigned)number, key);
    }
    link_shared_near_add(s->x->shared, db, key);
}

static rewrite_times times_now(const stream *s, const stream_command *c)
{
    int64_t horizon = s->mode == HOLD_NEAR ? s->guard_ms : s->x->options->hold_horizon_ms;
    return (rewrite_times){.received_ms = time_of(s, c->end) + s->x->options->source_skew_ms,
                           .hold_until_ms = clock_wall_ms() + horizon,
                           .fields_expire = s->x->options->fields_expire,
                           .target_rdb_version = s->x->options->target_rdb_version,
                           .source_rdb_version = s->x->options->source_rdb_version,
                           .same_version = s->x->options->same_version};
}

static bool is_before_7(const stream *s)
{
    return rdb_is_before_7(s->x->options->target_rdb_version);
}

static bool command_rewrite(stream *s, const stream_command *c, group *g, err *e)
{
    span args[REWRITE_ARGS_MAX];
    size_t count = s->command.arg_count;
    if (count > REWRITE_ARGS_MAX) {
        (void)err_set(e, ERR_LIMIT, "%s with %zu arguments at offset %" PRIu64, c->rule->name,
                      count, c->end);
        return stop(s, e, "report this");
    }
    for (size_t i = 0; i < count; i++)
        args[i] = resp_command_arg(&s->command, c->start, i);
    rewrite_times t = times_now(s, c);
    rewritten w;
    if (!rewrite(c->rule, count, args, &t, &w, e)) {
        (void)err_wrap(e, "at offset %" PRIu64, c->end);
        return stop(s, e, "report this, with the version of the source");
    }
    if (w.held && s->mode == HOLD_NEAR) link_shared_near_add(s->x->shared, s->db, w.args[1]);
    const span expiry[] = {span_text("PEXPIREAT"), w.args[1], w.expiry};
    return group_add_spans(g, &s->x->target, s->db, c->rule->must_change, w.arg_count, w.args, e) &&
           (w.expiry.size == 0 ||
            group_add_spans(g, &s->x->target, s->db, false, COUNT_OF(expiry), expiry, e));
}

/* The key needs somebody: it is noted before the checkpoint passes this place (stream_step). */
static bool aside_note(
    stream *s, const stream_command *c, group *g, span key, const char *type, const char *why)
{
    link_incident i = {.db = s->db, .offset = c->end, .key = key};
    (void)snprintf(i.type, sizeof i.type, "%s", type);
    (void)snprintf(i.reason, sizeof i.reason, "%s: %s", c->rule->name, why);
    link_shared_incident(s->x->shared, &i);
    g->asides++;
    g->dropped++;
    return true;
}

static span first_key(const stream *s, const stream_command *c)
{
    return s->command.arg_count > 1 ? resp_command_arg(&s->command, c->start, 1) : (span){0};
}

/* A target that knows no functions: the library's name, or what is done to all. */
static bool function_aside(stream *s, const stream_command *c, group *g)
{
    span name = first_key(s, c);
    if (s->command.arg_count > 2) {
        span last = resp_command_arg(&s->command, c->start, s->command.arg_count - 1);
        if (span_is_nocase(name, "DELETE")) name = last;
        if (span_is_nocase(name, "LOAD")) (void)library_name(last, &name);
    }
    return aside_note(s, c, g, name, "function", "functions are not known there");
}

/* Every command in `wire`. */
static bool recast_add(stream *s, group *g, span wire, bool held, err *e)
{
    resp_command one = {0};
    bool good = true;
    while (good && wire.size > 0) {
        size_t size = 0;
        good = resp_command_read(&one, wire, 0, &size, e) == STEP_DONE &&
               group_add(g, &s->x->target, s->db, false, span_of(wire.at, size), e);
        if (good && held && s->mode == HOLD_NEAR)
            link_shared_near_add(s->x->shared, s->db, resp_command_arg(&one, wire.at, 1));
        if (good) wire = span_tail(wire, size);
    }
    resp_command_clear(&one);
    return good;
}

/* The value a RESTORE of the source's own brings, in a form that the target reads. */
static bool
restore_recast(stream *s, const stream_command *c, const rdb_payload *p, group *g, err *e)
{
    CLEANUP(buf_clear) buf out = buf_of(2 * RESP_BULK_MAX);
    span args[REWRITE_ARGS_MAX];
    rewrite_times t = times_now(s, c);
    rewritten w;
    for (size_t i = 0; i < s->command.arg_count && i < REWRITE_ARGS_MAX; i++)
        args[i] = resp_command_arg(&s->command, c->start, i);
    if (!rewrite(c->rule, s->command.arg_count, args, &t, &w, e)) {
        (void)err_wrap(e, "at offset %" PRIu64, c->end);
        return stop(s, e, "report this, with the version of the source");
    }
    int64_t expiry = 0; /* as rewrite() wrote it: 0 is none */
    bool read = span_to_i64(w.args[2], &expiry);
    assert(read);
    const value_target to = {.rdb_version = t.target_rdb_version,
                             .fields_expire = t.fields_expire,
                             .hold_until_ms = t.hold_until_ms};
    err why = {0};
    if (!value_payload_write(p, w.args[1], expiry == 0 ? -1 : expiry, false, &to, &out, &why))
        return aside_note(s, c, g, w.args[1], "unknown", why.text);
    return recast_add(s, g, buf_span(&out), w.held, e);
}

/* A RESTORE of the source's own. Expiries of fields cannot be held in its bytes; and what is newer
 * than the target is said in another way. */
static bool restore_add(stream *s, const stream_command *c, group *g, err *e)
{
    rdb_payload p;
    err ignored;
    bool opened = s->command.arg_count > 3 && s->command.arg_count <= REWRITE_ARGS_MAX &&
                  rdb_payload_open(resp_command_arg(&s->command, c->start, 3), &p, &ignored);
    if (!opened) return command_rewrite(s, c, g, e);
    if (value_fields_may_expire(p.type)) {
        return aside_note(s, c, g, first_key(s, c), "unknown",
                          "it brings a hash with expiries of fields, which are not held");
    }
    if (p.version > s->x->options->target_rdb_version) return restore_recast(s, c, &p, g, e);
    return command_rewrite(s, c, g, e);
}

static bool command_recast(stream *s, const stream_command *c, group *g, err *e)
{
    size_t count = s->command.arg_count;
    span first[3] = {{0}};
    for (size_t i = 0; i < count && i < COUNT_OF(first); i++)
        first[i] = resp_command_arg(&s->command, c->start, i);
    if (!recast_is_due(count, first))
        return group_add(g, &s->x->target, s->db, false, span_of(c->start, c->size), e);
    CLEANUP(mem_free_at) span *args = mem_alloc(count * sizeof *args);
    CLEANUP(buf_clear) buf out = buf_of(2 * RESP_BULK_MAX);
    for (size_t i = 0; i < count; i++)
        args[i] = resp_command_arg(&s->command, c->start, i);
    rewrite_times t = times_now(s, c);
    recast_result result;
    if (!recast(count, args, &t, &out, &result, e)) {
        (void)err_wrap(e, "at offset %" PRIu64, c->end);
        return stop(s, e, "report this, with the version of the source");
    }
    if (result.aside) return aside_note(s, c, g, result.key, "unknown", result.aside);
    return recast_add(s, g, buf_span(&out), result.held, e);
}

static bool flush_add(stream *s, const stream_command *c, group *g, err *e)
{
    g->flushes = true;
    bool sync = s->command.arg_count == 2 &&
                span_is_nocase(resp_command_arg(&s->command, c->start, 1), "SYNC");
    const span plain = span_text(c->rule->name);
    if (s->x->options->flush_pass && sync && is_before_7(s))
        return group_add_spans(g, &s->x->target, s->db, false, 1, &plain, e);
    if (s->x->options->flush_pass)
        return group_add(g, &s->x->target, s->db, false, span_of(c->start, c->size), e);
    (void)err_set(e, ERR_STATE, "the source ran %s, at offset %" PRIu64 "; it waits before it",
                  c->rule->name, c->end);
    return stop(s, e, "if the target shall do the same, run again with '--flush-policy pass'");
}

static bool cannot_carry(stream *s, const stream_command *c, err *e)
{
    (void)err_set(e, ERR_STATE,
                  "the stream holds %s at offset %" PRIu64 ", which this release cannot carry",
                  c->rule->name, c->end);
    return stop(s, e, "nothing behind it was applied; the source still serves");
}

/* The target is of the engine, and as new, that has the command. */
static bool is_native(const stream *s, const rule *r)
{
    unsigned target = s->x->options->target_rdb_version;
    bool of_redis = r->native && target >= r->native && target < RDB_VERSION_VALKEY_MIN;
    return of_redis || (r->since && target >= r->since);
}

/* One command that is not MULTI, EXEC. */
static bool command_add(stream *s, const stream_command *c, group *g, err *e)
{
    span wire = span_of(c->start, c->size);
    if (!c->rule) return group_add(g, &s->x->target, s->db, false, wire, e);
    near_inherit(s, c);
    if (is_native(s, c->rule)) return group_add(g, &s->x->target, s->db, false, wire, e);
    switch (c->rule->kind) {
    case RULE_PASS:
        return group_add(g, &s->x->target, s->db, c->rule->must_change, wire, e);
    case RULE_SET:
        if (s->command.arg_count == 3) return group_add(g, &s->x->target, s->db, false, wire, e);
        return command_rewrite(s, c, g, e);
    case RULE_SETEX:
    case RULE_EXPIRE:
        return command_rewrite(s, c, g, e);
    case RULE_FUNCTION:
        return is_before_7(s) ? function_aside(s, c, g) : command_rewrite(s, c, g, e);
    case RULE_RESTORE:
        return restore_add(s, c, g, e);
    case RULE_SELECT:
        return select_follow(s, c, e);
    case RULE_FLUSH:
        return flush_add(s, c, g, e);
    case RULE_STOP:
        return cannot_carry(s, c, e);
    case RULE_ASIDE:
        return aside_note(s, c, g, first_key(s, c), "unknown", c->rule->why);
    case RULE_RECAST:
        return command_recast(s, c, g, e);
    case RULE_GETACK:
        receiver_ack(s->x->receiver);
        g->dropped++;
        return true;
    case RULE_DROP:
    case RULE_MULTI:
    case RULE_EXEC:
        break;
    }
    g->dropped++;
    return true;
}

/* One unit into the group. STEP_MORE: it is not whole yet (nothing of it was kept). */
static step unit_add(stream *s, group *g, err *e)
{
    group_place place = group_tell(g, &s->x->target);
    unsigned db = s->db;
    size_t at = s->at;
    bool inside = false;
    step got = STEP_MORE;
    for (;;) {
        stream_command c;
        got = command_next(s, at, &c, e);
        if (got != STEP_DONE || c.end > s->stop_behind || c.end > s->copy_at) break;
        at += c.size;
        bool opens = c.rule && c.rule->kind == RULE_MULTI;
        bool closes = c.rule && c.rule->kind == RULE_EXEC;
        if (opens || closes) {
            inside = opens;
        } else if (!command_add(s, &c, g, e)) {
            return STEP_BAD;
        }
        if (inside) continue;
        s->at = at;
        s->tried = 0;
        s->want = WANT_FIRST;
        g->end = s->begin + at;
        g->db = s->db;
        s->last_wall_ms = g->wall_ms = time_of(s, g->end);
        return STEP_DONE;
    }
    if (got == STEP_BAD) {
        (void)stop(s, e, "report this, with the version of the source");
        return STEP_BAD;
    }
    group_back(g, &s->x->target, place);
    s->db = db;
    if (inside) s->command.begun = false;   /* the unit is read again from its MULTI */
    if (got == STEP_DONE) return STEP_MORE; /* whole, but behind the limit */
    s->tried = s->window.size - s->at;
    if (s->tried >= s->want) s->want *= 2;
    return STEP_MORE;
}

static bool group_is_full(const group *g)
{
    return g->closed || g->count >= GROUP_COMMANDS_MAX || g->asides >= GROUP_COMMANDS_MAX ||
           g->bytes.size >= GROUP_BYTES_MAX;
}

/* The stream stands where the values belong. */
static bool copies_add(stream *s, group *g, err *e)
{
    s->copy_at = UINT64_MAX;
    g->wall_ms = s->last_wall_ms;
    return copy_add(s->x, g, clock_wall_ms() + s->x->options->hold_horizon_ms, e);
}

/* STEP_MORE: nothing is left to read. STEP_DONE: the group or the budget is. */
static step group_fill(stream *s, group *g, const throttle_budget *budget, err *e)
{
    size_t count = g->count;
    size_t size = g->bytes.size;
    while (!group_is_full(g) && g->count - count < budget->ops &&
           g->bytes.size - size < budget->bytes) {
        if (s->begin + s->at >= s->copy_at) return copies_add(s, g, e) ? STEP_DONE : STEP_BAD;
        bool more_there = s->window.size - s->at > s->tried;
        step got = more_there ? unit_add(s, g, e) : STEP_MORE;
        if (got == STEP_BAD) return STEP_BAD;
        if (got == STEP_DONE) continue;
        step filled = window_fill(s, e);
        if (filled != STEP_DONE) return filled; /* nothing new came */
    }
    return STEP_DONE;
}

/* As much as the governor allows. A unit is added whole, so it may take more than there was. */
static step group_build(stream *s, group *g, err *e)
{
    throttle_budget budget = governor_budget(&s->x->governor, clock_ns());
    size_t count = g->count;
    size_t size = g->bytes.size;
    step got = group_fill(s, g, &budget, e);
    governor_spend(&s->x->governor, g->count - count, g->bytes.size - size);
    return got;
}

static void committed_publish(stream *s, group *g)
{
    pthread_mutex_lock(&s->x->shared->lock);
    link_progress *p = &s->x->shared->progress;
    p->commands += g->count - g->selects;
    p->dropped += g->dropped;
    p->bytes_sent += g->bytes.size;
    p->applied_offset = p->checkpoint_offset = g->end;
    p->checkpoint_in_snapshot = false;
    p->applied_wall_ms = g->wall_ms;
    pthread_mutex_unlock(&s->x->shared->lock);
    s->committed = g->end;
    group_reset(g);
}

/* Nothing to commit: what was consumed is applied by being dropped. */
static void nothing_publish(stream *s, group *g, bool reading)
{
    pthread_mutex_lock(&s->x->shared->lock);
    link_progress *p = &s->x->shared->progress;
    if (g->end > p->applied_offset) {
        p->applied_offset = g->end;
        p->applied_wall_ms = g->wall_ms;
        p->dropped += g->dropped;
    }
    /* Nothing is left: applied up to now, so the next byte is not as old as the last one. */
    if (reading && s->window.size == s->at) p->caught_up_wall_ms = clock_wall_ms();
    pthread_mutex_unlock(&s->x->shared->lock);
    g->dropped = 0;
}

/* Takes over what the control side wants; a new hold mode only when nothing built under the old
 * one is on its way. */
static bool orders_take(stream *s, bool paused)
{
    link_shared *h = s->x->shared;
    const group *g = &s->groups[s->building];
    pthread_mutex_lock(&h->lock);
    s->stop_behind = h->stop_behind;
    bool changing = h->hold_wanted != s->mode;
    if (changing && !s->outstanding && g->count == 0) {
        s->mode = h->hold_wanted;
        s->guard_ms = h->hold_guard_ms;
        changing = false;
    }
    h->hold_seen = s->mode;
    h->pause_seen = paused && !s->outstanding && g->count == 0;
    bool goes_on =
        copy_orders(h, s->begin + s->at, spool_reader_generation(s->reader), &s->copy_at);
    pthread_mutex_unlock(&h->lock);
    return !changing && !paused && goes_on;
}

static step outstanding_step(stream *s, err *e)
{
    if (!s->outstanding) return STEP_DONE;
    group *sent = &s->groups[1 - s->building];
    step got = group_answers_read(sent, s->x, e);
    if (got == STEP_MORE && !target_is_heard(&s->x->target, e)) return STEP_BAD;
    if (got != STEP_DONE) return got;
    s->outstanding = false;
    if (sent->copy_ticket) copy_answered(s->x->shared, sent);
    committed_publish(s, sent);
    return STEP_DONE;
}

step stream_step(stream *s, bool paused, bool *ret_idle, err *e)
{
    if (!net_conn_pump(s->x->target.conn, e)) return STEP_BAD;
    step answered = outstanding_step(s, e);
    if (answered == STEP_BAD) return STEP_BAD;
    bool build = orders_take(s, paused);
    group *g = &s->groups[s->building];
    step built = build ? group_build(s, g, e) : STEP_DONE;
    if (built == STEP_BAD) return STEP_BAD;
    *ret_idle = true;
    if (s->outstanding) return STEP_MORE;
    if (!engine_renew(s->x->target.engine, e)) return STEP_BAD;
    /* Also a quiet source pings: the checkpoint follows, and tells whether the target still has it.
     */
    bool due = g->count > 0 || g->copy_ticket || g->asides >= GROUP_COMMANDS_MAX ||
               g->end - s->committed >= CHECKPOINT_BYTES ||
               (g->end > s->committed && deadline_left_ms(s->due_ns) == 0);
    if (!due) {
        nothing_publish(s, g, built == STEP_MORE);
        return STEP_MORE;
    }
    /* What was set aside is in the journal before the checkpoint goes past it. */
    if (g->asides > 0 && link_shared_incidents_waiting(s->x->shared) > 0) return STEP_MORE;
    if (!group_send(g, s->x, spool_reader_generation(s->reader), e)) return STEP_BAD;
    s->outstanding = true;
    s->due_ns = deadline_in_ms(CHECKPOINT_MS);
    s->building = 1 - s->building;
    s->groups[s->building].end = g->end;
    s->groups[s->building].db = g->db;
    *ret_idle = false;
    return net_conn_pump(s->x->target.conn, e) ? STEP_MORE : STEP_BAD;
}
