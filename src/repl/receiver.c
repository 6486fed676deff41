#include "repl/receiver.h"

#include <unistd.h>

#include "base/clock.h"
#include "engine/info.h"
#include "repl/receiver_internal.h"
#include "repl/replica_ask.h"

#define ACK_EVERY_MS 1000
/* Behind a diskless snapshot the source keeps the stream back until an ACK that it reads after it
 * has noticed its own child's end (protocol.md R10): the first ones may come too early. */
#define ACK_FIRST_MS 20
#define ACK_FIRST_COUNT 100
#define ROOM_RETRY_MS 200
/* In the snapshot bytes are let come together: fewer, larger records and wake-ups. */
#define BATCH_US 1000
#define CONNECT_TIMEOUT_MS 5000
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS 2000
#define REPLICA_FAILURES_MAX 3
#define RECEIVE_BUFFER_MAX ((size_t)1024 * 1024)

static void state_set(receiver *r, receiver_state state)
{
    pthread_mutex_lock(&r->lock);
    r->status.state = state;
    pthread_mutex_unlock(&r->lock);
}

static void trouble_set(receiver *r, const err *e)
{
    pthread_mutex_lock(&r->lock);
    r->status.trouble = e ? *e : (err){0};
    pthread_mutex_unlock(&r->lock);
}

static void heard(receiver *r, size_t bytes)
{
    pthread_mutex_lock(&r->lock);
    r->status.heard_ns = clock_ns();
    r->status.bytes += bytes;
    pthread_mutex_unlock(&r->lock);
}

#define REPLICA_VERSION "9.1.0" /* of the newest snapshot of valkey that we read */

static bool ack_send(receiver *r, err *e)
{
    spool_extent stream = spool_extent_get(r->spool, LANE_STREAM);
    buf *out = net_conn_out(engine_conn(r->engine));
    bool fits = resp_begin(out, 3) && resp_arg_text(out, "REPLCONF") && resp_arg_text(out, "ACK") &&
                resp_arg_i64(out, (int64_t)stream.end);
    r->next_ack_ns = deadline_in_ms(r->quick_acks > 0 ? ACK_FIRST_MS : ACK_EVERY_MS);
    if (r->quick_acks > 0) r->quick_acks--;
    if (!fits) return err_set(e, ERR_TIMEOUT, "the source does not read what we acknowledge");
    return net_conn_pump(engine_conn(r->engine), e);
}

static bool greet(receiver *r, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answer = NULL;
    /* A valkey from 9.0 on writes the older format for a replica that names no version, and closes
     * the connection at the first hash with fields that expire. Others refuse the word. */
    if (!engine_try(r->engine, &memory, &answer, e, "REPLCONF", "version", REPLICA_VERSION))
        return false;
    if (!engine_ask(r->engine, &memory, &answer, e, "REPLCONF", "capa", "eof", "capa", "psync2"))
        return false;
    spool_origin origin = spool_origin_get(r->spool);
    spool_extent stream = spool_extent_get(r->spool, LANE_STREAM);
    bool fresh = origin.generation == 0 || r->snapshot_open;
    char next[24];
    (void)snprintf(next, sizeof next, "%" PRIu64, stream.end + 1);
    const char *const args[] = {"PSYNC", fresh ? "?" : origin.replid, fresh ? "-1" : next};
    buf *out = net_conn_out(engine_conn(r->engine));
    bool fits = resp_texts(out, 3, args);
    assert(fits); /* the buffer is empty */
    r->psync = (psync_reader){0};
    return net_conn_pump(engine_conn(r->engine), e);
}

static bool source_info(receiver *r, arena *memory, span *ret, err *e)
{
    engine_options o = {.url = &r->source,
                        .side = SIDE_SOURCE,
                        .name = "handover-receiver-check",
                        .timeout_ms = CONNECT_TIMEOUT_MS};
    engine *s = NULL;
    if (!engine_open(r->loop, &o, &s, e)) return false;
    bool done = engine_info(s, memory, "all", ret, e);
    engine_free(s);
    return done;
}

/* Asked at every connection: what was a replica of the source may be one no more. */
static bool replica_check(receiver *r, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span source;
    span id;
    spool_origin origin = spool_origin_get(r->spool);
    bool fresh = origin.generation == 0 || r->snapshot_open;
    replica_need need = {.replid = fresh ? "" : origin.replid,
                         .end = spool_extent_get(r->spool, LANE_STREAM).end};
    if (!source_info(r, &memory, &source, e)) return err_wrap(e, "the source");
    if (!replica_ask(r->engine, source, need, e)) return false;
    bool known = info_text(source, "master_replid", &id) && id.size == REPLID_SIZE;
    assert(known); /* or it would not fit */
    memcpy(r->source_replid, id.at, REPLID_SIZE);
    return true;
}

static bool receiver_connect(receiver *r, err *e)
{
    engine_options o = {.url = r->replica.host ? &r->replica : &r->source,
                        .side = SIDE_SOURCE,
                        .name = "handover-receiver",
                        .timeout_ms = CONNECT_TIMEOUT_MS,
                        .in_max = RECEIVE_BUFFER_MAX,
                        .out_max = 64 * KIB};
    state_set(r, RECEIVER_CONNECTING);
    if (!engine_open(r->loop, &o, &r->engine, e)) return false;
    if (r->replica.host && !replica_check(r, e)) return err_blame(e, SIDE_SOURCE);
    if (!greet(r, e)) return err_blame(e, SIDE_SOURCE);
    pthread_mutex_lock(&r->lock);
    r->status.connections++;
    pthread_mutex_unlock(&r->lock);
    heard(r, 0);
    r->next_ack_ns = deadline_in_ms(ACK_EVERY_MS);
    return true;
}

/* What a replica tells under another id than the source's is not the source's. */
static bool history_is_the_sources(const receiver *r, const char *replid, err *e)
{
    if (!r->replica.host || strcmp(replid, r->source_replid) == 0) return true;
    return err_set(e, ERR_STATE, "the replica's history changed while it was asked");
}

static bool event_full_sync(receiver *r, const psync_event *v, err *e)
{
    if (!history_is_the_sources(r, v->replid, e)) return false;
    uint64_t before = spool_origin_get(r->spool).generation;
    spool_origin origin = {.generation = size_max(before, r->generation_used) + 1,
                           .offset = v->offset};
    memcpy(origin.replid, v->replid, sizeof origin.replid);
    /* The bytes of the old generation go now: the applier is told by the generation. Also when it
     * fails in the middle there is nothing left to go on from. */
    r->snapshot_open = true;
    if (!spool_begin(r->spool, &origin, e)) return false;
    atomic_store(&r->full_sync_asked, false);
    pthread_mutex_lock(&r->lock);
    r->status.state = RECEIVER_WAITING;
    r->status.generation = origin.generation;
    r->status.snapshot_bytes = r->status.snapshot_total = 0;
    pthread_mutex_unlock(&r->lock);
    return true;
}

static bool event_continue(receiver *r, const psync_event *v, err *e)
{
    spool_origin origin = spool_origin_get(r->spool);
    if (!history_is_the_sources(r, v->replid[0] ? v->replid : origin.replid, e)) return false;
    if (v->replid[0] && !spool_replid_set(r->spool, v->replid, e)) return false;
    pthread_mutex_lock(&r->lock);
    r->status.state = RECEIVER_STREAM;
    r->status.generation = spool_origin_get(r->spool).generation;
    pthread_mutex_unlock(&r->lock);
    return ack_send(r, e);
}

static bool event_begin(receiver *r, const psync_event *v)
{
    pthread_mutex_lock(&r->lock);
    r->status.state = RECEIVER_SNAPSHOT;
    r->status.snapshot_total = v->size == UINT64_MAX ? 0 : v->size;
    pthread_mutex_unlock(&r->lock);
    return true;
}

static bool event_end(receiver *r, err *e)
{
    if (!spool_complete(r->spool, LANE_SNAPSHOT, e)) return false;
    r->snapshot_open = false;
    r->quick_acks = ACK_FIRST_COUNT;
    state_set(r, RECEIVER_STREAM);
    return ack_send(r, e);
}

static bool event_refused(const psync_event *v, err *e)
{
    err_set(e, ERR_REFUSED, "the source refused to replicate: %s", span_show(v->bytes).text);
    return err_blame(e, SIDE_SOURCE);
}

/* Writes one event's bytes; false with ERR_LIMIT or ERR_IO: no room, nothing of it was kept. */
static bool bytes_store(receiver *r, spool_lane lane, span bytes, size_t *ret_stored, err *e)
{
    int64_t now = clock_wall_ms();
    size_t stored = 0;
    bool done = true;
    while (done && stored < bytes.size) {
        span piece = span_of(bytes.at + stored, size_min(bytes.size - stored, SPOOL_RECORD_MAX));
        done = spool_append(r->spool, lane, piece, now, e);
        if (done) stored += piece.size;
    }
    if (lane == LANE_SNAPSHOT) {
        pthread_mutex_lock(&r->lock);
        r->status.snapshot_bytes += stored;
        pthread_mutex_unlock(&r->lock);
    }
    *ret_stored = stored;
    return done;
}

static bool event_handle(receiver *r, const psync_event *v, err *e)
{
    switch (v->kind) {
    case PSYNC_FULLRESYNC:
        return event_full_sync(r, v, e);
    case PSYNC_CONTINUE:
        return event_continue(r, v, e);
    case PSYNC_REFUSED:
        return event_refused(v, e);
    case PSYNC_SNAPSHOT_BEGIN:
        return event_begin(r, v);
    case PSYNC_SNAPSHOT_END:
        return event_end(r, e);
    case PSYNC_SNAPSHOT_BYTES:
    case PSYNC_STREAM_BYTES:
        break;
    }
    return true; /* bytes are handled by the caller, who can stop in the middle of them */
}

static void full_set(receiver *r, bool full, const err *why)
{
    pthread_mutex_lock(&r->lock);
    r->status.full = full;
    if (full || r->status.trouble.kind == ERR_LIMIT || r->status.trouble.kind == ERR_IO)
        r->status.trouble = full ? *why : (err){0};
    pthread_mutex_unlock(&r->lock);
    net_conn_hold_reading(engine_conn(r->engine), full);
}

/* Moves what was received into the spool. Without room the bytes stay where they are, reading
 * stops, and the source's own buffer takes over (its limit was part of the preflight). */
static bool input_drain(receiver *r, err *e)
{
    net_conn *conn = engine_conn(r->engine);
    for (;;) {
        psync_reader before = r->psync;
        cursor in = cursor_of(net_conn_in(conn));
        const uint8_t *start = in.at;
        psync_event v;
        step s = psync_read(&r->psync, &in, &v, e);
        if (s == STEP_BAD) return err_blame(e, SIDE_SOURCE);
        size_t eaten = (size_t)(in.at - start);
        if (s == STEP_MORE) {
            net_conn_eat(conn, eaten);
            if (eaten > 0) heard(r, 0); /* keep-alives: a snapshot may take minutes to begin */
            if (r->status.full) full_set(r, false, NULL);
            return true;
        }
        bool snapshot = v.kind == PSYNC_SNAPSHOT_BYTES;
        if (snapshot || v.kind == PSYNC_STREAM_BYTES) {
            size_t stored = 0;
            err why = {0};
            bool done =
                bytes_store(r, snapshot ? LANE_SNAPSHOT : LANE_STREAM, v.bytes, &stored, &why);
            heard(r, stored);
            if (!snapshot) r->quick_acks = 0;
            if (!done) {
                net_conn_eat(conn, stored);
                r->psync = before;
                if (r->psync.at == PSYNC_IN_SIZED) r->psync.left -= stored;
                full_set(r, true, &why);
                return true;
            }
        } else if (!event_handle(r, &v, e)) {
            return false;
        }
        net_conn_eat(conn, eaten);
    }
}

static bool receiver_turn(receiver *r, err *e)
{
    bool snapshot = r->psync.at == PSYNC_IN_SIZED || r->psync.at == PSYNC_IN_MARKED;
    if (snapshot) (void)usleep(BATCH_US);
    int wait = deadline_left_ms(r->next_ack_ns);
    if (r->status.full) wait = wait < ROOM_RETRY_MS ? wait : ROOM_RETRY_MS;
    if (!net_conn_turn(engine_conn(r->engine), wait > 0 ? wait : 1, e))
        return err_blame(e, SIDE_SOURCE);
    if (!input_drain(r, e)) return false;
    if (atomic_load(&r->full_sync_asked)) {
        r->snapshot_open = true; /* so that the next PSYNC asks for everything */
        return err_set(e, ERR_STATE, "a full sync is wanted");
    }
    if (r->replica.host && atomic_load(&r->leave_asked)) {
        pthread_mutex_lock(&r->lock);
        *e = r->leave_why;
        pthread_mutex_unlock(&r->lock);
        return false;
    }
    bool due = deadline_left_ms(r->next_ack_ns) == 0 || atomic_exchange(&r->ack_asked, false);
    bool answered = r->psync.at != PSYNC_AT_ANSWER;
    if (due && answered && !ack_send(r, e)) return err_blame(e, SIDE_SOURCE);
    /* Sending received as well: what lies here would wait for the next ACK, and when the buffer is
     * full nobody would be told of more. */
    if (due && answered && !input_drain(r, e)) return false;
    if (due && !answered) r->next_ack_ns = deadline_in_ms(ACK_EVERY_MS);
    if (!r->status.full && clock_ns() - r->status.heard_ns > r->silence_max_ms * NS_PER_MS) {
        err_set(e, ERR_TIMEOUT, "the source was silent for %" PRId64 " s",
                r->silence_max_ms / 1000);
        return err_blame(e, SIDE_SOURCE);
    }
    return true;
}

static void pause_before_retry(receiver *r)
{
    int64_t until = deadline_in_ms(r->retry_ms);
    while (!atomic_load(&r->stop) && deadline_left_ms(until) > 0)
        net_loop_turn(r->loop, deadline_left_ms(until));
    r->retry_ms = r->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : r->retry_ms * 2;
}

/* After some failures in a row the link goes to the source, and stays there: a replica that comes
 * and goes would cost more interruptions than it spares the source. */
static void replica_failed(receiver *r, err *e)
{
    if (!r->replica.host) return;
    (void)err_wrap(e, "replica '%s:%u'", r->replica.host, r->replica.port);
    if (++r->replica_failures < REPLICA_FAILURES_MAX && !atomic_load(&r->leave_asked)) return;
    engine_url_clear(&r->replica);
    r->replica = (engine_url){0};
    r->retry_ms = RETRY_FIRST_MS;
    pthread_mutex_lock(&r->lock);
    r->status.at_replica = false;
    r->status.left = *e;
    pthread_mutex_unlock(&r->lock);
}

static void *receiver_main(void *arg)
{
    receiver *r = arg;
    while (!atomic_load(&r->stop)) {
        err e = {0};
        bool alive = receiver_connect(r, &e);
        if (alive) trouble_set(r, NULL);
        while (alive && !atomic_load(&r->stop)) {
            alive = receiver_turn(r, &e);
            if (r->status.state != RECEIVER_CONNECTING) r->retry_ms = RETRY_FIRST_MS;
            if (r->status.state == RECEIVER_STREAM) r->replica_failures = 0;
        }
        engine_free(r->engine);
        r->engine = NULL;
        if (alive) break;
        if (e.kind != ERR_STATE || !atomic_load(&r->full_sync_asked)) replica_failed(r, &e);
        trouble_set(r, &e);
        pause_before_retry(r);
    }
    return NULL;
}

receiver *receiver_start(const receiver_options *o)
{
    receiver *r = mem_alloc(sizeof *r);
    r->source = engine_url_copy(o->source);
    r->file = o->file;
    if (o->replica) r->replica = engine_url_copy(o->replica);
    r->status.at_replica = o->replica != NULL;
    r->spool = o->spool;
    r->generation_used = o->generation_used;
    r->silence_max_ms = o->silence_max_ms;
    r->snapshot_open = o->full_sync;
    r->retry_ms = RETRY_FIRST_MS;
    r->loop = net_loop_new();
    r->wake = net_wake_new(r->loop);
    (void)pthread_mutex_init(&r->lock, NULL); /* never fails with default attributes on Linux */
    spool_wake_writer(o->spool, r->wake);
    int failed = pthread_create(&r->thread, NULL, r->file ? feed_main : receiver_main, r);
    assert(!failed);
    return r;
}

void receiver_stop(receiver *r)
{
    if (!r) return;
    spool_wake_writer(r->spool, NULL);
    atomic_store(&r->stop, true);
    net_wake_send(r->wake);
    int failed = pthread_join(r->thread, NULL);
    assert(!failed);
    net_wake_free(r->wake);
    net_loop_free(r->loop);
    (void)pthread_mutex_destroy(&r->lock);
    engine_url_clear(&r->source);
    engine_url_clear(&r->replica);
    free(r);
}

receiver_status receiver_status_get(receiver *r)
{
    pthread_mutex_lock(&r->lock);
    receiver_status s = r->status;
    pthread_mutex_unlock(&r->lock);
    return s;
}

void receiver_ack(receiver *r)
{
    atomic_store(&r->ack_asked, true);
    net_wake_send(r->wake);
}

void receiver_full_sync(receiver *r)
{
    atomic_store(&r->full_sync_asked, true);
    net_wake_send(r->wake);
}

void receiver_leave_replica(receiver *r, const char *why)
{
    pthread_mutex_lock(&r->lock);
    (void)err_set(&r->leave_why, ERR_STATE, "%s", why);
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->leave_asked, true);
    net_wake_send(r->wake);
}
