#include "apply/snapshot.h"

#include "apply/batch.h"
#include "apply/hold.h"
#include "apply/library.h"
#include "apply/rules.h"
#include "base/clock.h"
#include "base/crc64.h"
#include "base/log.h"
#include "base/mem.h"
#include "rdb/file.h"

/* Bytes parsed ahead of the target; more is taken when it has sent some of it. */
#define OUT_HIGH ((size_t)1024 * 1024)
/* Commands sent and not yet answered. */
#define IN_FLIGHT_MAX ((size_t)8192)
/* What one key may send: a batch and itself, each behind a SELECT. */
#define ITEM_COMMANDS_MAX ((size_t)4)
/* So many refusals may come back at once: there is room for all of them on the list. */
_Static_assert(IN_FLIGHT_MAX < INCIDENTS_MAX, "refused keys would be forgotten");
#define WINDOW_MIN ((size_t)1024 * 1024)
/* A mark every so many bytes of the snapshot, or so much time. */
#define MARK_BYTES (UINT64_C(16) * 1024 * 1024)
#define MARK_NS (1 * NS_PER_S)

/* What an answer belongs to. The key of a refused item is read again from the spool: nothing is
 * remembered of a million items that go well. */
typedef enum { SENT_ITEM, SENT_BATCH, SENT_SELECT, SENT_MARK } sent_kind;
typedef struct {
    uint64_t item_at; /* position of the item in the snapshot, of the first one in a batch */
    uint32_t db;
    sent_kind kind;
} sent_command;

typedef struct {
    checkpoint at;
    uint64_t sent_before; /* commands that must be answered first */
    bool due;             /* the next border between two keys becomes one */
    bool wanted;          /* waits for those answers */
    bool sent;            /* and waits for its own */
} mark_state;

struct snapshot {
    apply_context *x;
    spool_reader *reader;
    buf window;
    size_t at;      /* parsed up to here in the window */
    size_t crc_at;  /* the checksum covers the window up to here */
    uint64_t begin; /* position of the window's first byte */
    uint64_t crc;
    rdb_reader rdb;
    rdb_item item; /* the key whose value is being read */
    buf item_key;  /* its name, when the window moved since */
    rdb_walk walk;
    size_t value_at;     /* where its value begins in the window */
    value_writer *value; /* a value too large for one command, being written in chunks */
    size_t walked;       /* then the walk is ahead of it, up to here in the window, */
    bool walk_ended;     /* or behind the value */
    bool skipping;       /* the value is set aside: only the walk goes on */
    bool is_expired;     /* it is over: as if it were not in the file */
    uint64_t thinned_at; /* the last item whose deleted pending entries were noted */
    bool in_value;
    bool ended; /* the whole file is parsed */
    value_batch batch;
    sent_command in_flight[IN_FLIGHT_MAX];
    uint64_t sent;
    uint64_t answered;
    uint64_t batched; /* strings that went in company: each counts as a command for the budget */
    reply_nesting nesting;
    mark_state mark;
    uint64_t marked;
    uint64_t mark_bytes;
    int64_t marked_ns;
    uint64_t keys; /* since the last publication */
    uint64_t expired;
    uint64_t bytes_sent;
    throttle_budget budget; /* of this turn, and what it began with */
    uint64_t turn_writes;
    uint64_t turn_bytes;
};

bool snapshot_open(apply_context *x, const checkpoint *at, snapshot **ret, err *e)
{
    snapshot *s = mem_alloc(sizeof *s);
    s->x = x;
    s->reader = spool_reader_new(x->spool);
    s->window = buf_of(VALUE_BYTES_MAX + 4 * MIB);
    bool reserved = buf_reserve(&s->window, WINDOW_MIN); /* it is somewhere from the start */
    assert(reserved);
    s->item_key = buf_of(RDB_KEY_MAX);
    s->begin = s->marked = at->offset;
    s->crc = at->crc;
    s->mark.at = *at;
    s->marked_ns = clock_ns();
    /* What lies before a mark can be freed: a small spool needs more of them. */
    s->mark_bytes = x->options->spool_bytes_max / 8;
    if (s->mark_bytes > MARK_BYTES) s->mark_bytes = MARK_BYTES;
    rdb_reader_init(&s->rdb);
    value_batch_init(&s->batch);
    if (at->offset > 0) rdb_reader_resume(&s->rdb, (uint16_t)at->rdb_version, at->db);
    if (!spool_reader_seek(s->reader, LANE_SNAPSHOT, at->offset, e)) {
        snapshot_free(s);
        return false;
    }
    *ret = s;
    return true;
}

void snapshot_free(snapshot *s)
{
    if (!s) return;
    spool_reader_free(s->reader);
    rdb_reader_clear(&s->rdb);
    value_writer_free(s->value);
    value_batch_clear(&s->batch);
    buf_clear(&s->window);
    buf_clear(&s->item_key);
    free(s);
}

static uint64_t position(const snapshot *s)
{
    return s->begin + s->at;
}

static void sent_note(snapshot *s, sent_kind kind, uint64_t item_at)
{
    s->in_flight[s->sent % IN_FLIGHT_MAX] =
        (sent_command){.item_at = item_at, .db = s->x->target.db, .kind = kind};
    s->sent++;
}

static bool room_for_commands(const snapshot *s, size_t count)
{
    return s->sent - s->answered + count <= IN_FLIGHT_MAX &&
           net_conn_out(s->x->target.conn)->size < OUT_HIGH;
}

static uint64_t writes(const snapshot *s)
{
    return s->sent + s->batched + s->batch.pairs;
}

static bool budget_is_left(const snapshot *s)
{
    return writes(s) - s->turn_writes < s->budget.ops &&
           s->bytes_sent - s->turn_bytes + s->batch.args.size < s->budget.bytes;
}

/* The checksum over what was parsed since the last time. `but`: bytes at the end left out. */
static void crc_catch_up(snapshot *s, size_t but)
{
    if (s->at - but <= s->crc_at) return; /* a value that is read a second time, in chunks */
    s->crc = crc64_update(s->crc, span_of(s->window.at + s->crc_at, s->at - but - s->crc_at));
    s->crc_at = s->at;
}

/* The front of the window that is parsed goes; a value being collected stays from its begin. */
static void window_slide(snapshot *s)
{
    size_t keep_from = s->in_value && !s->value ? s->value_at : s->at;
    if (keep_from < WINDOW_MIN && keep_from < s->window.size) return;
    crc_catch_up(s, 0);
    buf_drop(&s->window, keep_from);
    if (s->value) buf_shrink(&s->window, 2 * WINDOW_MIN); /* it was as large as a value */
    s->begin += keep_from;
    s->at -= keep_from;
    s->crc_at -= keep_from;
    if (s->value) s->walked -= keep_from;
    if (s->in_value) s->value_at -= s->value ? s->value_at : keep_from;
}

/* More bytes into the window. STEP_MORE: there are none now, or no room. */
static step window_fill(snapshot *s, err *e)
{
    window_slide(s);
    bool some = false;
    while (s->window.size - s->at < WINDOW_MIN || !some) {
        if (s->window.max - s->window.size < SPOOL_RECORD_MAX) break;
        int64_t ignored_ms = 0;
        step got = spool_reader_read(s->reader, &s->window, &ignored_ms, e);
        if (got == STEP_BAD) return STEP_BAD;
        if (got == STEP_MORE) break;
        some = true;
    }
    return some ? STEP_DONE : STEP_MORE;
}

static span item_key(const snapshot *s)
{
    return s->item_key.size ? buf_span(&s->item_key) : s->item.key;
}

static bool select_for(snapshot *s, uint32_t db, uint64_t item_at)
{
    bool selected = false;
    buf *out = net_conn_out(s->x->target.conn);
    if (!target_select(&s->x->target, out, db, &selected)) return false;
    if (selected) sent_note(s, SENT_SELECT, item_at);
    return true;
}

static bool select_for_item(snapshot *s)
{
    return select_for(s, s->item.db, s->item.offset);
}

/* The strings that wait for company. */
static bool batch_send(snapshot *s, err *e)
{
    if (s->batch.pairs == 0) return true;
    buf *out = net_conn_out(s->x->target.conn);
    size_t before = out->size;
    if (!select_for(s, s->batch.db, s->batch.item_at))
        return err_set(e, ERR_LIMIT, "no room for a SELECT");
    s->batched += s->batch.pairs - 1;
    uint64_t item_at = s->batch.item_at;
    if (!value_batch_write(&s->batch, out, e)) return false;
    s->bytes_sent += out->size - before;
    sent_note(s, SENT_BATCH, item_at);
    return true;
}

/* Behind a file comes no stream that could renew anything: nothing is held. */
static int64_t hold_until_ms(const snapshot *s)
{
    return s->x->options->file ? 0 : clock_wall_ms() + s->x->options->hold_horizon_ms;
}

static bool expiry_to_write(const snapshot *s, int64_t *ret, err *e)
{
    int64_t at_ms = s->item.expires_at_ms;
    if (at_ms < 0) {
        *ret = -1;
        return true;
    }
    if (hold_is_held(at_ms)) {
        return err_set(e, ERR_LIMIT,
                       "key '%s' (db %u) expires after the year 3084, which cannot be held",
                       span_show(item_key(s)).text, s->item.db);
    }
    *ret = hold_expiry(at_ms, hold_until_ms(s));
    return true;
}

/* The whole value stands in the window from value_at to at. */
static bool value_pass_on(snapshot *s, err *e)
{
    int64_t expiry = -1;
    if (!expiry_to_write(s, &expiry, e)) return false;
    value_item v = {.type = s->item.type,
                    .key = item_key(s),
                    .value = span_of(s->window.at + s->value_at, s->at - s->value_at),
                    .expires_at_ms = expiry,
                    .idle_s = s->item.idle_s,
                    .frequency = s->item.frequency,
                    .rdb_version = s->x->options->target_rdb_version};
    if (value_batch_is_due(&s->batch, s->item.db) && !batch_send(s, e)) return false;
    if (!s->x->no_batches && value_batch_add(&s->batch, &v, s->item.db, s->item.offset))
        return true;
    buf *out = net_conn_out(s->x->target.conn);
    size_t before = out->size;
    if (!select_for_item(s) || !value_write(&v, out, e))
        return err_set(e, ERR_LIMIT, "no room to send key '%s'", span_show(v.key).text);
    s->bytes_sent += out->size - before;
    sent_note(s, SENT_ITEM, s->item.offset);
    return true;
}

static bool item_done(snapshot *s, err *e)
{
    if (s->is_expired) {
        s->expired++;
    } else {
        if (s->x->keys && !keyset_add(s->x->keys, s->item.db, item_key(s), e)) return false;
        s->keys++;
    }
    s->in_value = s->skipping = s->is_expired = false;
    s->item_key.size = 0;
    return true;
}

static void value_incident(snapshot *s, const char *reason)
{
    link_incident i = {.db = s->item.db, .offset = s->item.offset, .key = item_key(s)};
    (void)snprintf(i.type, sizeof i.type, "%s", rdb_kind_name(s->item.type->kind));
    (void)snprintf(i.reason, sizeof i.reason, "%s", reason);
    link_shared_incident(s->x->shared, &i);
}

/* A value that does not fit one command, or that the target does not take as it is: DEL, then its
 * elements in chunks, then its expiry. `whole`: the walk is at its end. */
static bool value_chunks_begin(snapshot *s, bool whole, err *e)
{
    int64_t expiry = -1;
    if (!expiry_to_write(s, &expiry, e) || !batch_send(s, e)) return false;
    if (!select_for_item(s)) return err_set(e, ERR_LIMIT, "no room for a SELECT");
    const value_target to = {.rdb_version = s->x->options->target_rdb_version,
                             .fields_expire = s->x->options->fields_expire,
                             .hold_until_ms = hold_until_ms(s)};
    s->value = value_writer_new(s->item.type, item_key(s), expiry, &to);
    s->walked = s->at;
    s->walk_ended = whole;
    s->at = s->value_at;
    return true;
}

/* The walk stays ahead of the writer, so that a value that cannot be written can be left. */
static bool walk_ahead(snapshot *s, err *e)
{
    if (s->walk_ended) return true;
    cursor in = {.at = s->window.at + s->walked,
                 .end = s->window.at + s->window.size,
                 .offset = s->begin + s->walked};
    const uint8_t *start = in.at;
    step got = rdb_walk_step(&s->walk, &in, e);
    s->walked += (size_t)(in.at - start);
    s->walk_ended = got == STEP_DONE;
    return got != STEP_BAD;
}

/* This one value is set aside by name, what was written of it goes, and the run goes on. */
static step value_set_aside(snapshot *s, const err *why, err *e)
{
    size_t commands = 0;
    if (!value_writer_delete(s->value, net_conn_out(s->x->target.conn), &commands, e))
        return STEP_BAD;
    sent_note(s, SENT_ITEM, s->item.offset);
    value_incident(s, why->text);
    value_writer_free(s->value);
    s->value = NULL;
    s->at = s->value_at = s->walked;
    s->skipping = true;
    if (!s->walk_ended) return STEP_MORE;
    return item_done(s, e) ? STEP_DONE : STEP_BAD;
}

static step value_chunks_step(snapshot *s, err *e)
{
    buf *out = net_conn_out(s->x->target.conn);
    while (room_for_commands(s, VALUE_COMMANDS_MAX) && budget_is_left(s)) {
        cursor in = cursor_of(span_tail(buf_span(&s->window), s->at));
        const uint8_t *start = in.at;
        size_t commands = 0;
        size_t before = out->size;
        if (!walk_ahead(s, e)) return STEP_BAD;
        step got = value_writer_step(s->value, &in, out, &commands, e);
        s->at += (size_t)(in.at - start);
        s->bytes_sent += out->size - before;
        for (size_t i = 0; i < commands; i++)
            sent_note(s, SENT_ITEM, s->item.offset);
        if (got == STEP_BAD && (e->kind == ERR_STATE || e->kind == ERR_LIMIT)) {
            err why = *e;
            return value_set_aside(s, &why, e);
        }
        if (got == STEP_BAD) return STEP_BAD;
        if (got == STEP_DONE) {
            value_writer_free(s->value);
            s->value = NULL;
            return item_done(s, e) ? STEP_DONE : STEP_BAD;
        }
        if (commands == 0) return STEP_MORE; /* it wants more bytes */
    }
    return STEP_MORE;
}

/* Goes on with the value of the current key. STEP_MORE: more bytes are needed. */
static step value_step(snapshot *s, err *e)
{
    if (s->value) return value_chunks_step(s, e);
    cursor in = {
        .at = s->window.at + s->at, .end = s->window.at + s->window.size, .offset = position(s)};
    const uint8_t *start = in.at;
    step got = rdb_walk_step(&s->walk, &in, e);
    s->at += (size_t)(in.at - start);
    if (got == STEP_BAD) return STEP_BAD;
    bool as_is = value_is_taken(s->item.type, s->x->options->target_rdb_version);
    if (got == STEP_DONE && (s->skipping || as_is))
        return (s->skipping || value_pass_on(s, e)) && item_done(s, e) ? STEP_DONE : STEP_BAD;
    if (s->skipping) {
        s->value_at = s->at;
        return STEP_MORE;
    }
    /* The window moves before the next call, and the name would with it. */
    if (s->item_key.size == 0 && !buf_append(&s->item_key, s->item.key)) {
        (void)err_set(e, ERR_LIMIT, "a key of %zu bytes", s->item.key.size);
        return STEP_BAD;
    }
    if (got != STEP_DONE && s->at - s->value_at < VALUE_BYTES_MAX) return STEP_MORE;
    return value_chunks_begin(s, got == STEP_DONE, e) ? value_chunks_step(s, e) : STEP_BAD;
}

static bool function_send(snapshot *s, const rdb_item *item, err *e)
{
    span name = span_text("?");
    if (rdb_is_before_7(s->x->options->target_rdb_version)) {
        link_incident i = {.offset = item->offset, .type = "function"};
        (void)library_name(item->value, &name);
        i.key = name;
        (void)snprintf(i.reason, sizeof i.reason, "functions are not known there");
        link_shared_incident(s->x->shared, &i);
        return true;
    }
    if (s->x->keys && library_name(item->value, &name) &&
        !keyset_add(s->x->keys, KEYSET_FUNCTIONS, name, e))
        return false;
    buf *out = net_conn_out(s->x->target.conn);
    const span args[] = {span_text("FUNCTION"), span_text("LOAD"), span_text("REPLACE"),
                         item->value};
    if (!resp_spans(out, COUNT_OF(args), args))
        return err_set(e, ERR_LIMIT, "a function library of %zu bytes", item->value.size);
    sent_note(s, SENT_ITEM, item->offset);
    return true;
}

/* A primary begins the stream behind a full sync with a SELECT, a replica passes its primary's on
 * as it is and writes here what is selected. */
static bool stream_db_note(snapshot *s, const rdb_item *item, err *e)
{
    uint64_t db = 0;
    if (!span_is(item->key, "repl-stream-db")) return true;
    if (!span_to_u64(item->value, &db) || db > UINT16_MAX) {
        return err_set(e, ERR_FORMAT, "the snapshot says repl-stream-db '%s'",
                       span_show(item->value).text);
    }
    s->mark.at.stream_db = (unsigned)db;
    return true;
}

unsigned snapshot_stream_db(const snapshot *s)
{
    return s->mark.at.stream_db;
}

static bool item_handle(snapshot *s, const rdb_item *item, size_t eaten, err *e)
{
    switch (item->kind) {
    case RDB_ITEM_FUNCTION:
        return function_send(s, item, e);
    case RDB_ITEM_KEY:
        s->item = *item;
        s->in_value = true;
        s->value_at = s->at;
        s->item_key.size = 0;
        /* As an engine does that loads a file for itself; a source's snapshot is not judged here:
         * its stream says what is over. */
        s->is_expired = s->x->options->file && item->expires_at_ms >= 0 &&
                        item->expires_at_ms <= clock_wall_ms();
        s->skipping = s->is_expired;
        return rdb_walk_begin(&s->walk, item->type->number, e);
    case RDB_ITEM_END:
        s->ended = true;
        crc_catch_up(s, eaten - rdb_item_crc_size(item, eaten));
        return rdb_checksum_check(item, s->crc, e);
    case RDB_ITEM_HEADER:
        s->mark.at.rdb_version = item->version;
        return true;
    case RDB_ITEM_AUX:
        return stream_db_note(s, item, e);
    case RDB_ITEM_MODULE_AUX:
    case RDB_ITEM_SELECT:
    case RDB_ITEM_RESIZE:
    case RDB_ITEM_SLOT_INFO:
        break;
    }
    return true; /* about the file, not in the data */
}

/* At an item boundary: remembers a place the link may go on from once all before is answered. Asked
 * for at every item: the input often ends in the middle of one, and a spool that is full of a
 * snapshot without marks would never be freed. */
static bool mark_consider(snapshot *s, err *e)
{
    bool boundary = !s->in_value && !s->rdb.begun && s->rdb.state == RDB_READER_OPCODE;
    if (!s->mark.due || s->mark.wanted || !boundary || position(s) == s->marked) return true;
    if (!batch_send(s, e)) return false;
    crc_catch_up(s, 0);
    s->mark.at.offset = position(s);
    s->mark.at.db = s->rdb.item.db;
    s->mark.at.crc = s->crc;
    s->mark.sent_before = s->sent;
    s->mark.due = false;
    s->mark.wanted = true;
    s->mark.sent = false;
    return true;
}

/* Parses what the window holds. STEP_DONE: the file is over. STEP_MORE: more bytes, or the target
 * has enough for now (room_for_commands tells which). */
static step window_parse(snapshot *s, err *e)
{
    s->mark.due = position(s) - s->marked >= s->mark_bytes || clock_ns() - s->marked_ns >= MARK_NS;
    while (!s->ended && room_for_commands(s, ITEM_COMMANDS_MAX) && budget_is_left(s)) {
        if (!mark_consider(s, e)) return STEP_BAD;
        if (s->in_value) {
            step got = value_step(s, e);
            if (got != STEP_DONE) return got;
            continue;
        }
        cursor in = {.at = s->window.at + s->at,
                     .end = s->window.at + s->window.size,
                     .offset = position(s)};
        const uint8_t *start = in.at;
        rdb_item item;
        step got = rdb_next(&s->rdb, &in, &item, e);
        s->at += (size_t)(in.at - start);
        if (got != STEP_DONE) return got;
        if (!item_handle(s, &item, (size_t)(in.at - start), e)) return STEP_BAD;
    }
    return s->ended ? STEP_DONE : STEP_MORE;
}

static bool mark_send(snapshot *s, err *e)
{
    bool ready = s->mark.wanted && !s->mark.sent && s->answered >= s->mark.sent_before &&
                 room_for_commands(s, 2) && link_shared_incidents_waiting(s->x->shared) == 0;
    if (!ready) return true;
    if (s->x->keys && !keyset_flush(s->x->keys, e)) return false;
    size_t count = 0;
    buf *out = net_conn_out(s->x->target.conn);
    if (!target_checkpoint(&s->x->target, out, s->x->key.text, &s->mark.at, false, &count))
        return err_set(e, ERR_LIMIT, "no room for a checkpoint");
    if (count == 2) sent_note(s, SENT_SELECT, 0);
    sent_note(s, SENT_MARK, s->mark.at.offset);
    s->mark.sent = true;
    return true;
}

static void mark_answered(snapshot *s)
{
    s->marked = s->mark.at.offset;
    s->marked_ns = clock_ns();
    s->mark.wanted = false;
    pthread_mutex_lock(&s->x->shared->lock);
    s->x->shared->progress.checkpoint_offset = s->marked;
    s->x->shared->progress.checkpoint_in_snapshot = true;
    pthread_mutex_unlock(&s->x->shared->lock);
}

/* The key of an item, read again from the spool. */
static bool item_read_again(snapshot *s, const sent_command *c, rdb_item *ret, buf *ret_key)
{
    err ignored;
    bool found = false;
    spool_reader *again = spool_reader_new(s->x->spool);
    buf window = buf_of(VALUE_BYTES_MAX);
    rdb_reader rdb;
    rdb_reader_init(&rdb);
    rdb_reader_resume(&rdb, (uint16_t)s->mark.at.rdb_version, c->db);
    bool sought = spool_reader_seek(again, LANE_SNAPSHOT, c->item_at, &ignored);
    while (sought && !found) {
        int64_t ignored_ms = 0;
        if (spool_reader_read(again, &window, &ignored_ms, &ignored) != STEP_DONE) break;
        cursor in = cursor_of(buf_span(&window));
        step got = rdb_next(&rdb, &in, ret, &ignored);
        buf_drop(&window, got == STEP_DONE ? 0 : (size_t)(in.at - window.at));
        if (got == STEP_BAD) break;
        found = got == STEP_DONE;
    }
    if (found) found = buf_append(ret_key, ret->key.size ? ret->key : span_text("?"));
    rdb_reader_clear(&rdb);
    buf_clear(&window);
    spool_reader_free(again);
    return found;
}

static void item_incident(snapshot *s, const sent_command *c, const char *what, span answer)
{
    CLEANUP(buf_clear) buf key = buf_of(RDB_KEY_MAX);
    rdb_item item = {0};
    bool found = item_read_again(s, c, &item, &key);
    link_incident i = {.db = c->db, .offset = c->item_at};
    i.key = found ? buf_span(&key) : span_text("(unknown)");
    (void)snprintf(i.type, sizeof i.type, "%s",
                   found && item.type ? rdb_kind_name(item.type->kind) : "function");
    (void)snprintf(i.reason, sizeof i.reason, "%s%s", what, span_show(answer).text);
    link_shared_incident(s->x->shared, &i);
}

/* XCLAIM of an entry that the stream no longer holds: no engine makes that pending again. */
static void pending_dropped(snapshot *s, const sent_command *c)
{
    if (s->thinned_at == c->item_at) return; /* once for each stream */
    s->thinned_at = c->item_at;
    item_incident(s, c, "pending entries that were deleted from the stream stay behind", (span){0});
}

/* The target took everything else: this one value is set aside by name, the run goes on. */
static void item_quarantine(snapshot *s, const sent_command *c, span answer)
{
    item_incident(s, c, "the target answered: ", answer);
}

/* Nothing of it was written. The link begins again from its last mark, and each string answers for
 * itself: which one it was, or that the target does not want an MSET. */
static bool batch_refused(snapshot *s, span answer, err *e)
{
    s->x->no_batches = true;
    log_warn("the target refused an MSET (%s): strings go one by one", span_show(answer).text);
    err_set(e, ERR_REFUSED, "the target refused an MSET: %s", span_show(answer).text);
    return err_blame(e, SIDE_TARGET);
}

static bool answer_handle(snapshot *s, const reply_token *t, bool first, bool complete, err *e)
{
    const sent_command *c = &s->in_flight[s->answered % IN_FLIGHT_MAX];
    if (t->kind == REPLY_ERROR) {
        bool passing = refusal_is_passing(t->text);
        if (!passing && c->kind == SENT_BATCH) return batch_refused(s, t->text, e);
        if (passing || c->kind != SENT_ITEM || span_starts(t->text, "NOPERM")) {
            err_set(e, passing ? ERR_REFUSED : ERR_AUTH, "the target refused a write: %s",
                    reply_show(t->text).text);
            return err_blame(e, SIDE_TARGET);
        }
        item_quarantine(s, c, t->text);
    }
    if (c->kind == SENT_ITEM && t->kind == REPLY_ARRAY && t->count == 0 && first)
        pending_dropped(s, c);
    if (c->kind == SENT_MARK && t->kind == REPLY_NIL)
        return err_set(e, ERR_STATE, "the target's checkpoint is gone");
    if (!complete) return true;
    if (c->kind == SENT_MARK) mark_answered(s);
    s->answered++;
    return true;
}

static bool answers_read(snapshot *s, err *e)
{
    cursor in = cursor_of(net_conn_in(s->x->target.conn));
    const uint8_t *start = in.at;
    bool good = true;
    while (good && s->answered < s->sent) {
        reply_token t;
        bool complete = false;
        bool first = s->nesting.depth == 0;
        step got = reply_token_read(&in, &t, e);
        if (got == STEP_MORE) break;
        good = got == STEP_DONE && reply_nesting_step(&s->nesting, &t, &complete, e) == STEP_DONE &&
               answer_handle(s, &t, first, complete, e);
    }
    net_conn_eat(s->x->target.conn, (size_t)(in.at - start));
    return good;
}

static void publish(snapshot *s)
{
    pthread_mutex_lock(&s->x->shared->lock);
    s->x->shared->progress.snapshot_keys += s->keys;
    s->x->shared->progress.expired += s->expired;
    s->x->shared->progress.bytes_sent += s->bytes_sent;
    s->x->shared->progress.snapshot_bytes = position(s);
    pthread_mutex_unlock(&s->x->shared->lock);
    s->keys = s->expired = s->bytes_sent = 0;
}

step snapshot_step(snapshot *s, bool paused, bool *ret_idle, err *e)
{
    uint64_t before = s->sent + s->answered + position(s);
    if (!net_conn_pump(s->x->target.conn, e) || !answers_read(s, e) ||
        (s->answered < s->sent && !target_is_heard(&s->x->target, e)))
        return STEP_BAD;
    if (link_shared_incidents_waiting(s->x->shared) > INCIDENTS_MAX - IN_FLIGHT_MAX) paused = true;
    /* A login is renewed when nothing is on its way. */
    if (engine_is_stale(s->x->target.engine)) paused = true;
    if (s->answered == s->sent && !engine_renew(s->x->target.engine, e)) return STEP_BAD;
    s->budget = governor_budget(&s->x->governor, clock_ns());
    s->turn_writes = writes(s);
    s->turn_bytes = s->bytes_sent;
    step parsed = paused ? STEP_MORE : window_parse(s, e);
    if (parsed != STEP_BAD && !batch_send(s, e)) return STEP_BAD;
    if (parsed == STEP_MORE && !paused && budget_is_left(s) &&
        room_for_commands(s, VALUE_COMMANDS_MAX)) {
        step filled = window_fill(s, e);
        if (filled == STEP_BAD) return STEP_BAD;
        if (filled == STEP_DONE) before--; /* something happened */
    }
    if (parsed == STEP_BAD && e->kind == ERR_IO) return STEP_BAD; /* our disk: that may pass */
    if (parsed == STEP_BAD) {
        s->x->fatal = true; /* the same bytes will come again */
        err_hint(e, "nothing is skipped: report this with the version of the source, or change the "
                    "key there and run again");
        (void)err_blame(e, SIDE_SOURCE);
        return STEP_BAD;
    }
    governor_spend(&s->x->governor, (size_t)(writes(s) - s->turn_writes),
                   (size_t)(s->bytes_sent - s->turn_bytes));
    if (!mark_send(s, e) || !net_conn_pump(s->x->target.conn, e)) return STEP_BAD;
    publish(s);
    /* As before a mark: first the keys set aside are in the journal. */
    if (s->ended && s->answered == s->sent && link_shared_incidents_waiting(s->x->shared) == 0)
        return STEP_DONE;
    *ret_idle = before == s->sent + s->answered + position(s);
    return STEP_MORE;
}
