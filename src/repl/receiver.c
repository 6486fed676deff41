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
#define DUAL_FAILURES_MAX 3
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

static void heard(receiver *r, channel *c, size_t bytes)
{
    c->heard_ns = clock_ns();
    pthread_mutex_lock(&r->lock);
    r->status.heard_ns = clock_ns();
    r->status.bytes += bytes;
    pthread_mutex_unlock(&r->lock);
}

#define REPLICA_VERSION "9.1.0" /* of the newest snapshot of valkey that we read */

static bool ack_send(receiver *r, err *e)
{
    spool_extent stream = spool_extent_get(r->spool, LANE_STREAM);
    buf *out = net_conn_out(engine_conn(r->main.engine));
    bool fits = resp_begin(out, 3) && resp_arg_text(out, "REPLCONF") && resp_arg_text(out, "ACK") &&
                resp_arg_i64(out, (int64_t)stream.end);
    r->next_ack_ns = deadline_in_ms(r->quick_acks > 0 ? ACK_FIRST_MS : ACK_EVERY_MS);
    if (r->quick_acks > 0) r->quick_acks--;
    if (!fits) return err_set(e, ERR_TIMEOUT, "the source does not read what we acknowledge");
    return net_conn_pump(engine_conn(r->main.engine), e);
}

/* A valkey from 9.0 on writes the older format for a replica that names no version, and closes
 * the connection at the first hash with fields that expire. Others refuse the word. */
static bool version_tell(engine *s, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answer = NULL;
    return engine_try(s, &memory, &answer, e, "REPLCONF", "version", REPLICA_VERSION);
}

static bool command_send(channel *c, size_t count, const char *const *args, err *e)
{
    bool fits = resp_texts(net_conn_out(engine_conn(c->engine)), count, args);
    assert(fits); /* the buffer is empty */
    return net_conn_pump(engine_conn(c->engine), e);
}

static bool psync_send(receiver *r, const char *replid, const char *next, err *e)
{
    const char *const args[] = {"PSYNC", replid, next};
    r->main.psync = (psync_reader){0};
    r->main.heard_ns = clock_ns();
    return command_send(&r->main, COUNT_OF(args), args, e);
}

static bool greet(receiver *r, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answer = NULL;
    /* Unknown capabilities are passed over. With the last one a source that is set to it answers
     * differently, and only to what would be a full sync. Not at a replica: one that has to be
     * copied itself meanwhile may fail on the other connection (valkey, pull request 2983). */
    static const char *const capa[] = {"REPLCONF", "capa", "eof",         "capa",
                                       "psync2",   "capa", "dual-channel"};
    bool dual = !r->replica.host && r->dual_failures < DUAL_FAILURES_MAX;
    size_t count = COUNT_OF(capa) - (dual ? 0 : 2);
    if (!version_tell(r->main.engine, e) ||
        !engine_ask_texts(r->main.engine, &memory, &answer, e, count, capa))
        return false;
    spool_origin origin = spool_origin_get(r->spool);
    spool_extent stream = spool_extent_get(r->spool, LANE_STREAM);
    bool fresh = origin.generation == 0 || r->snapshot_open;
    char next[24];
    (void)snprintf(next, sizeof next, "%" PRIu64, stream.end + 1);
    return psync_send(r, fresh ? "?" : origin.replid, fresh ? "-1" : next, e);
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
    if (!replica_ask(r->main.engine, source, need, e)) return false;
    bool known = info_text(source, "master_replid", &id) && id.size == REPLID_SIZE;
    assert(known); /* or it would not fit */
    memcpy(r->source_replid, id.at, REPLID_SIZE);
    return true;
}

static bool channel_open(receiver *r, channel *c, const char *name, err *e)
{
    engine_options o = {.url = r->replica.host ? &r->replica : &r->source,
                        .side = SIDE_SOURCE,
                        .name = name,
                        .timeout_ms = CONNECT_TIMEOUT_MS,
                        .in_max = RECEIVE_BUFFER_MAX,
                        .out_max = 64 * KIB};
    *c = (channel){.heard_ns = clock_ns()};
    return engine_open(r->loop, &o, &c->engine, e);
}

static void channel_close(channel *c)
{
    engine_free(c->engine);
    c->engine = NULL;
}

static bool receiver_connect(receiver *r, err *e)
{
    state_set(r, RECEIVER_CONNECTING);
    if (!channel_open(r, &r->main, "handover-receiver", e)) return false;
    if (r->replica.host && !replica_check(r, e)) return err_blame(e, SIDE_SOURCE);
    if (!greet(r, e)) return err_blame(e, SIDE_SOURCE);
    pthread_mutex_lock(&r->lock);
    r->status.connections++;
    pthread_mutex_unlock(&r->lock);
    heard(r, &r->main, 0);
    r->next_ack_ns = deadline_in_ms(ACK_EVERY_MS);
    return true;
}

/* What a replica tells under another id than the source's is not the source's. */
static bool history_is_the_sources(const receiver *r, const char *replid, err *e)
{
    if (!r->replica.host || strcmp(replid, r->source_replid) == 0) return true;
    return err_set(e, ERR_STATE, "the replica's history changed while it was asked");
}

static bool generation_begin(receiver *r, const psync_event *v, err *e)
{
    if (!history_is_the_sources(r, v->replid, e)) return false;
    uint64_t before = spool_origin_get(r->spool).generation;
    spool_origin origin = {.generation = size_max(before, r->generation_used) + 1,
                           .offset = v->offset};
    memcpy(origin.replid, v->replid, sizeof origin.replid);
    /* The bytes of the old generation go now: the applier is told by the generation. Also when it
     * fails in the middle there is nothing left to go on from. */
    r->snapshot_open = true;
    spool_share(r->spool, r->side.engine != NULL);
    if (!spool_begin(r->spool, &origin, e)) return false;
    atomic_store(&r->full_sync_asked, false);
    pthread_mutex_lock(&r->lock);
    r->status.state = RECEIVER_WAITING;
    r->status.generation = origin.generation;
    r->status.snapshot_bytes = r->status.snapshot_total = 0;
    r->status.dual_channel = r->side.engine != NULL;
    pthread_mutex_unlock(&r->lock);
    return true;
}

static bool event_full_sync(receiver *r, const psync_event *v, err *e)
{
    if (r->side.engine)
        return err_set(e, ERR_STATE, "the source does not go on from the snapshot it sends");
    return generation_begin(r, v, e);
}

/* The source wants to send the snapshot over a connection of its own. Without rdb-only it would
 * keep the stream for that one as well. */
static bool event_dual_channel(receiver *r, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    static const char *const sync[] = {"SYNC"};
    const reply *answer = NULL;
    if (r->side.engine)
        return err_set(e, ERR_STATE, "the source does not go on from the snapshot it sends");
    r->snapshot_open = true; /* nothing that the spool holds is of use any more */
    r->dual_open = true;
    state_set(r, RECEIVER_WAITING);
    if (!channel_open(r, &r->side, "handover-receiver-snapshot", e) ||
        !version_tell(r->side.engine, e) ||
        !engine_ask(r->side.engine, &memory, &answer, e, "REPLCONF", "capa", "eof", "rdb-only", "1",
                    "rdb-channel", "1"))
        return err_blame(e, SIDE_SOURCE);
    r->side.psync = (psync_reader){.at = PSYNC_AT_PLACE};
    return command_send(&r->side, COUNT_OF(sync), sync, e) || err_blame(e, SIDE_SOURCE);
}

/* The snapshot's place in the stream: from there the other connection goes on, at once. */
static bool event_place(receiver *r, const psync_event *v, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answer = NULL;
    char client[24];
    char next[24];
    (void)snprintf(client, sizeof client, "%" PRIu64, v->client);
    (void)snprintf(next, sizeof next, "%" PRIu64, v->offset + 1);
    return generation_begin(r, v, e) && ((engine_ask(r->main.engine, &memory, &answer, e,
                                                     "REPLCONF", "set-rdb-client-id", client) &&
                                          psync_send(r, v->replid, next, e)) ||
                                         err_blame(e, SIDE_SOURCE));
}

static bool event_continue(receiver *r, const psync_event *v, err *e)
{
    spool_origin origin = spool_origin_get(r->spool);
    if (!history_is_the_sources(r, v->replid[0] ? v->replid : origin.replid, e)) return false;
    if (v->replid[0] && !spool_replid_set(r->spool, v->replid, e)) return false;
    pthread_mutex_lock(&r->lock);
    if (!r->side.engine) r->status.state = RECEIVER_STREAM;
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
    state_set(r, RECEIVER_STREAM);
    if (r->side.engine) { /* the stream flows already, or is about to; the caller closes this one */
        r->dual_failures = 0;
        r->dual_open = false;
        spool_share(r->spool, false);
        return true;
    }
    r->quick_acks = ACK_FIRST_COUNT;
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
    case PSYNC_DUAL_CHANNEL:
        return event_dual_channel(r, e);
    case PSYNC_PLACE:
        return event_place(r, v, e);
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

/* `why` there is no room; NULL: there is. A snapshot that waits for the applier beside a stream
 * that flows is no trouble to tell of. */
static void room_note(receiver *r, channel *c, const err *why)
{
    bool waits = c == &r->side && spool_share_is_full(r->spool, LANE_SNAPSHOT);
    c->full = why != NULL;
    c->troubled = why && !waits;
    net_conn_hold_reading(engine_conn(c->engine), c->full);
    pthread_mutex_lock(&r->lock);
    r->status.full = r->main.troubled || r->side.troubled;
    bool of_room = r->status.trouble.kind == ERR_LIMIT || r->status.trouble.kind == ERR_IO;
    if (why && !waits) {
        r->status.trouble = *why;
    } else if (of_room && !r->status.full) {
        r->status.trouble = (err){0};
    }
    pthread_mutex_unlock(&r->lock);
}

/* Bytes of the snapshot or the stream; false: no room for all of them. */
static bool bytes_take(receiver *r, channel *c, const psync_event *v, size_t *ret_stored)
{
    err why = {0};
    bool snapshot = v->kind == PSYNC_SNAPSHOT_BYTES;
    bool done = bytes_store(r, snapshot ? LANE_SNAPSHOT : LANE_STREAM, v->bytes, ret_stored, &why);
    heard(r, c, *ret_stored);
    if (!snapshot) r->quick_acks = 0;
    if (!done) room_note(r, c, &why);
    return done;
}

/* The snapshot's own connection has nothing more to bring. */
static bool side_is_over(const receiver *r, const channel *c)
{
    return c == &r->side && c->psync.at == PSYNC_IN_STREAM;
}

/* Moves what was received into the spool. Without room the bytes stay where they are, reading
 * stops, and the source's own buffer takes over (its limit was part of the preflight). */
static bool input_drain(receiver *r, channel *c, err *e)
{
    net_conn *conn = engine_conn(c->engine);
    while (!side_is_over(r, c)) {
        psync_reader before = c->psync;
        cursor in = cursor_of(net_conn_in(conn));
        const uint8_t *start = in.at;
        psync_event v;
        step s = psync_read(&c->psync, &in, &v, e);
        if (s == STEP_BAD) return err_blame(e, SIDE_SOURCE);
        size_t eaten = (size_t)(in.at - start);
        if (s == STEP_MORE) {
            net_conn_eat(conn, eaten);
            if (eaten > 0) heard(r, c, 0); /* keep-alives: a snapshot may take minutes to begin */
            if (c->full) room_note(r, c, NULL);
            return true;
        }
        size_t stored = 0;
        bool bytes = v.kind == PSYNC_SNAPSHOT_BYTES || v.kind == PSYNC_STREAM_BYTES;
        if (bytes && !bytes_take(r, c, &v, &stored)) {
            net_conn_eat(conn, stored);
            c->psync = before;
            if (c->psync.at == PSYNC_IN_SIZED) c->psync.left -= stored;
            return true;
        }
        if (!bytes && !event_handle(r, &v, e)) return false;
        net_conn_eat(conn, eaten);
    }
    return true;
}

static bool is_silent(const receiver *r, const channel *c, err *e)
{
    if (c->full || clock_ns() - c->heard_ns <= r->silence_max_ms * NS_PER_MS) return false;
    (void)err_set(e, ERR_TIMEOUT, "the source was silent for %" PRId64 " s",
                  r->silence_max_ms / 1000);
    (void)err_blame(e, SIDE_SOURCE);
    return true;
}

/* What the snapshot's own connection brought, also when the source has closed it since. */
static bool side_turn(receiver *r, err *e)
{
    err gone = {0};
    if (!r->side.engine) return true;
    bool alive = net_conn_pump(engine_conn(r->side.engine), &gone);
    if (!input_drain(r, &r->side, e)) return false;
    if (side_is_over(r, &r->side)) {
        channel_close(&r->side);
        return true;
    }
    if (!alive && !r->side.full) { /* else the rest of it lies here still */
        *e = gone;
        return err_blame(e, SIDE_SOURCE);
    }
    return !is_silent(r, &r->side, e);
}

/* Whether the main connection should bring something: not while the snapshot is asked for. */
static bool main_is_answering(const receiver *r)
{
    return !r->side.engine || r->main.psync.at == PSYNC_IN_STREAM;
}

static bool in_snapshot(const channel *c)
{
    return c->engine && (c->psync.at == PSYNC_IN_SIZED || c->psync.at == PSYNC_IN_MARKED);
}

static bool orders_check(receiver *r, err *e)
{
    if (atomic_load(&r->full_sync_asked)) {
        r->snapshot_open = true; /* so that the next PSYNC asks for everything */
        return err_set(e, ERR_STATE, "a full sync is wanted");
    }
    if (!r->replica.host || !atomic_load(&r->leave_asked)) return true;
    pthread_mutex_lock(&r->lock);
    *e = r->leave_why;
    pthread_mutex_unlock(&r->lock);
    return false;
}

static bool receiver_turn(receiver *r, err *e)
{
    if (in_snapshot(&r->main) || in_snapshot(&r->side)) (void)usleep(BATCH_US);
    int wait = deadline_left_ms(r->next_ack_ns);
    if (r->main.full || r->side.full) wait = wait < ROOM_RETRY_MS ? wait : ROOM_RETRY_MS;
    if (!net_conn_turn(engine_conn(r->main.engine), wait > 0 ? wait : 1, e))
        return err_blame(e, SIDE_SOURCE);
    if (!input_drain(r, &r->main, e) || !side_turn(r, e) || !orders_check(r, e)) return false;
    bool due = deadline_left_ms(r->next_ack_ns) == 0 || atomic_exchange(&r->ack_asked, false);
    bool answered = r->main.psync.at != PSYNC_AT_ANSWER;
    if (due && answered && !ack_send(r, e)) return err_blame(e, SIDE_SOURCE);
    /* Sending received as well: what lies here would wait for the next ACK, and when the buffer is
     * full nobody would be told of more. */
    if (due && answered && !input_drain(r, &r->main, e)) return false;
    if (due && !answered) r->next_ack_ns = deadline_in_ms(ACK_EVERY_MS);
    return !main_is_answering(r) || !is_silent(r, &r->main, e);
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

/* After some failures in a row, or when SYNC is refused, the snapshot comes as it does from other
 * sources, for the rest of this run. */
static void dual_failed(receiver *r, const err *e)
{
    if (!r->dual_open) return;
    r->dual_failures = e->kind == ERR_REFUSED ? DUAL_FAILURES_MAX : r->dual_failures + 1;
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
        channel_close(&r->side);
        channel_close(&r->main);
        if (alive) break;
        if (e.kind != ERR_STATE || !atomic_load(&r->full_sync_asked)) {
            dual_failed(r, &e);
            replica_failed(r, &e);
        }
        r->dual_open = false;
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
