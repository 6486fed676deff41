/* The first pass. A batch of keys goes through four stages, and one exchange with the servers does
 * every stage of another batch, so nothing waits for an answer it needs:
 *
 *     SCAN (source) -> MEMORY USAGE (target) -> MGET and PEXPIRETIME (both) -> DUMP (both)
 *
 * MGET answers strings, which cost least that way; what it answers nil for on both sides is
 * another type and is dumped. Values above VALUE_WHOLE_MAX are never asked for whole. The target
 * is asked for the sizes, to spare the source: a key it lacks is a suspect anyway, and where the
 * source's values turn out larger the windows shrink. PEXPIRETIME is left out where no key of the
 * database has an expiry on either side, before and after (INFO keyspace). A batch is counted when
 * it has gone through, so after a lost connection the pass goes on behind the last batch that was
 * counted. */
#include "base/clock.h"
#include "engine/bookkeeping.h"
#include "verify/verify_internal.h"

#define SCAN_COUNT 1000
#define CHUNK_KEYS 128
#define WINDOW_KEYS_FIRST ((size_t)64)
#define BATCH_KEYS_MAX ((size_t)64 * 1024) /* SCAN may answer more than was asked for */
#define BATCH_NAMES_MAX (5 * MIB)

typedef enum { KEY_TODO, KEY_EQUAL, KEY_GONE, KEY_DUMP, KEY_LARGE, KEY_SUSPECT } key_state;

typedef struct {
    uint32_t at, size; /* of the name in the form of an argument, in batch.names */
    uint32_t name_size;
    uint32_t memory; /* bytes of the value, about; the largest number for more */
    uint8_t state;   /* key_state */
    bool asked;      /* for this stage's command, in this window */
} batch_key;

typedef struct {
    uint64_t next; /* where SCAN goes on behind this batch */
    buf names;
    batch_key *keys;
    size_t count, room;
    size_t from, to; /* the window of the stage it is in */
    size_t asked;    /* keys of the window, */
    size_t bytes;    /* and about as many bytes in them */
    uint64_t held;
    uint64_t left_out; /* bookkeeping keys that were in it */
} batch;

typedef struct {
    verify *v;
    verify_db *db;
    batch ring[4]; /* 0: DUMP, 1: MGET, 2: MEMORY, 3: SCAN */
    uint64_t cursor;
    bool scan_done;
    bool scan_sent; /* and not yet answered */
    bool sizing;    /* this exchange asks for the sizes */
    bool turning;   /* it has the last windows of its batches */
    unsigned scan_count;
    bool no_expiries; /* no key of either side has one */
    size_t window_keys;
    uint64_t window_received;
} pass;

enum { STAGE_DUMP, STAGE_GET, STAGE_SIZE, STAGE_SCAN };

static span key_argument(const batch *b, size_t i)
{
    return span_of(b->names.at + b->keys[i].at, b->keys[i].size);
}

static span key_name(const batch *b, size_t i)
{
    const batch_key *k = &b->keys[i];
    return span_of(b->names.at + k->at + k->size - 2 - k->name_size, k->name_size);
}

bool argument_append(buf *out, span bytes)
{
    char head[24];
    size_t at = sizeof head;
    head[--at] = '\n';
    head[--at] = '\r';
    size_t size = bytes.size;
    do {
        head[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    head[--at] = '$';
    return buf_append(out, span_of(head + at, sizeof head - at)) && buf_append(out, bytes) &&
           buf_append(out, span_of("\r\n", 2));
}

static void batch_reset(batch *b)
{
    b->names.size = 0;
    b->count = b->from = b->to = b->asked = 0;
    b->held = b->left_out = 0;
}

static void batch_clear(batch *b)
{
    buf_clear(&b->names);
    free(b->keys);
}

static bool batch_add(batch *b, span name)
{
    size_t at = b->names.size;
    if (b->count == BATCH_KEYS_MAX || !argument_append(&b->names, name)) {
        b->names.size = at;
        return false;
    }
    if (b->count == b->room) {
        b->room = size_max(1024, b->room * 2);
        b->keys = mem_realloc(b->keys, b->room * sizeof *b->keys);
    }
    b->keys[b->count++] = (batch_key){.at = (uint32_t)at,
                                      .size = (uint32_t)(b->names.size - at),
                                      .name_size = (uint32_t)name.size};
    return true;
}

/* ---- SCAN ---- */

static bool scan_send(lane *l, uint64_t position, unsigned count, err *e)
{
    char at[24];
    char many[16];
    (void)snprintf(at, sizeof at, "%" PRIu64, position);
    (void)snprintf(many, sizeof many, "%u", count);
    const char *const args[] = {"SCAN", at, "COUNT", many};
    return lane_send(l, resp_texts(lane_out(l), COUNT_OF(args), args), e);
}

/* Reads the answer into the batch. Names that have no room are dropped and *ret_overflow set: the
 * same position is then to be scanned again with a smaller count. */
static bool scan_read(lane *l, batch *b, bool *ret_overflow, err *e)
{
    lane_answer a;
    if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_ARRAY, "SCAN", e)) return false;
    if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_BULK, "SCAN", e)) return false;
    if (!span_to_u64(a.token.text, &b->next)) return err_set(e, ERR_FORMAT, "SCAN: no position");
    if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_ARRAY, "SCAN", e)) return false;
    *ret_overflow = false;
    for (size_t left = a.token.count; left > 0; left--) {
        if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_BULK, "SCAN", e)) return false;
        if (a.big && !lane_drop_big(l, e)) return false;
        if (a.big || *ret_overflow || !batch_add(b, a.token.text)) *ret_overflow = true;
    }
    if (*ret_overflow) batch_reset(b);
    return true;
}

/* After an overflow fewer keys are asked for; after a good answer more again. */
static bool scan_count_adapt(const lane *l, unsigned *count, bool overflow, err *e)
{
    if (!overflow) {
        *count = *count * 2 > SCAN_COUNT ? SCAN_COUNT : *count * 2;
        return true;
    }
    if (*count == 1) {
        (void)err_set(e, ERR_LIMIT, "the %s has keys whose names are larger than %zu bytes",
                      lane_name(l), (size_t)LANE_BULK_MAX);
        return err_blame(e, l->side);
    }
    *count = *count > 8 ? *count / 8 : 1;
    return true;
}

/* SCAN is sent as soon as its position is known, so that the server walks while we do other
 * things; its answer is then the first one of that lane. */
static bool pass_scan_send(pass *p, lane *l, err *e)
{
    if (p->scan_done || p->scan_sent) return true;
    p->scan_sent = true;
    return scan_send(l, p->cursor, p->scan_count, e) && lane_flush(l, e);
}

static bool pass_scan_read(pass *p, lane *l, batch *b, err *e)
{
    bool overflow = false;
    if (!p->scan_sent) return true;
    if (!scan_read(l, b, &overflow, e)) return false;
    p->scan_sent = false;
    if (!overflow) {
        p->cursor = b->next;
        p->scan_done = b->next == 0;
    }
    return scan_count_adapt(l, &p->scan_count, overflow, e);
}

/* ---- MEMORY USAGE ---- */

#define MEMORY_HEAD "*3\r\n$6\r\nMEMORY\r\n$5\r\nUSAGE\r\n"

static bool size_send(lane *l, const batch *b, err *e)
{
    for (size_t i = 0; i < b->count; i++)
        if (!lane_command(l, MEMORY_HEAD, key_argument(b, i), e)) return false;
    return true;
}

static bool size_read(lane *l, batch *b, err *e)
{
    for (size_t i = 0; i < b->count; i++) {
        lane_answer a;
        if (!lane_read(l, &a, e)) return false;
        if (a.token.kind == REPLY_NIL) { /* not there: nothing is asked of the source yet */
            b->keys[i].state = KEY_SUSPECT;
            continue;
        }
        if (!lane_expect(l, &a, REPLY_INTEGER, "MEMORY USAGE", e)) return false;
        int64_t size = a.token.integer;
        b->keys[i].memory = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
        if (size > (int64_t)VALUE_WHOLE_MAX) b->keys[i].state = KEY_LARGE;
    }
    return true;
}

/* ---- MGET and PEXPIRETIME ---- */

/* The window: from where the last one ended, as far as the values may be asked for in one go. */
static void window_next(batch *b, key_state wanted, size_t keys_max)
{
    size_t bytes = 0;
    b->from = b->to;
    b->asked = 0;
    while (b->to < b->count && bytes < WINDOW_BYTES_MAX && b->asked < keys_max) {
        batch_key *k = &b->keys[b->to++];
        k->asked = k->state == wanted;
        if (!k->asked) continue;
        b->asked++;
        bytes += k->memory;
    }
    b->bytes = bytes;
}

/* The asked keys of a window go in chunks: the second command for a key finds it in the server's
 * cache, and the server begins while the rest is being written. */
static size_t chunk_end(const batch *b, size_t from, size_t *ret_asked)
{
    size_t i = from;
    for (*ret_asked = 0; i < b->to && *ret_asked < CHUNK_KEYS; i++) {
        *ret_asked += b->keys[i].asked;
    }
    return i;
}

static bool chunk_send(const pass *p, lane *l, const batch *b, size_t from, size_t to, err *e)
{
    for (size_t i = from; i < to; i++) {
        if (b->keys[i].asked && !lane_command(l, "", key_argument(b, i), e)) return false;
    }
    const char *head = lane_expiry_head(l);
    for (size_t i = from; i < to && !p->no_expiries; i++) {
        if (b->keys[i].asked && !lane_command(l, head, key_argument(b, i), e)) return false;
    }
    return lane_flush(l, e);
}

static bool get_send(const pass *p, lane *l, const batch *b, err *e)
{
    size_t asked = 0;
    for (size_t from = b->from, to = 0; from < b->to; from = to) {
        buf *out = lane_out(l);
        to = chunk_end(b, from, &asked);
        if (asked == 0) continue;
        if (!lane_send(l, resp_begin(out, asked + 1) && resp_arg_text(out, "MGET"), e) ||
            !chunk_send(p, l, b, from, to, e))
            return false;
    }
    return true;
}

static bool drop_pair(pass *p, const lane_answer *s, const lane_answer *t, err *e)
{
    return (!s->big || lane_drop_big(&p->v->source, e)) &&
           (!t->big || lane_drop_big(&p->v->target, e));
}

/* What the values say about a key, before the expiries. */
static key_state values_judge(const lane_answer *s, const lane_answer *t)
{
    if (s->big || t->big) return KEY_LARGE;
    if (s->token.kind == REPLY_NIL && t->token.kind == REPLY_NIL) return KEY_DUMP;
    if (s->token.kind == REPLY_NIL || t->token.kind == REPLY_NIL) return KEY_SUSPECT;
    return span_equal(s->token.text, t->token.text) ? KEY_EQUAL : KEY_SUSPECT;
}

static key_state
expiries_judge(pass *p, batch *b, key_state values, const lane_answer *s, const lane_answer *t)
{
    const verify *v = p->v;
    bool held = false;
    int64_t source = lane_expiry(&v->source, s->token.integer);
    int64_t target = expiry_release(lane_expiry(&v->target, t->token.integer), &held);
    if (values == KEY_LARGE) return KEY_LARGE;
    if (values == KEY_DUMP && source == EXPIRY_NO_KEY && target == EXPIRY_NO_KEY) return KEY_GONE;
    if (source == EXPIRY_NO_KEY || target == EXPIRY_NO_KEY) return KEY_SUSPECT;
    b->held += held;
    return expiry_equal(source, target, v->o->ttl_tolerance_ms) ? values : KEY_SUSPECT;
}

static bool values_read(pass *p, batch *b, size_t from, size_t to, err *e)
{
    lane *source = &p->v->source;
    lane *target = &p->v->target;
    lane_answer s;
    lane_answer t;
    if (!lane_read_pair(source, target, &s, &t, e) ||
        !lane_expect(source, &s, REPLY_ARRAY, "MGET", e) ||
        !lane_expect(target, &t, REPLY_ARRAY, "MGET", e))
        return false;
    for (size_t i = from; i < to; i++) {
        batch_key *k = &b->keys[i];
        if (!k->asked) continue;
        if (!lane_read_pair(source, target, &s, &t, e)) return false;
        k->state = (uint8_t)values_judge(&s, &t);
        if (!drop_pair(p, &s, &t, e)) return false;
    }
    return true;
}

static bool expiries_read(pass *p, batch *b, size_t from, size_t to, err *e)
{
    lane *source = &p->v->source;
    lane *target = &p->v->target;
    for (size_t i = from; i < to; i++) {
        batch_key *k = &b->keys[i];
        lane_answer s;
        lane_answer t;
        if (!k->asked) continue;
        if (!lane_read_pair(source, target, &s, &t, e) ||
            !lane_expect(source, &s, REPLY_INTEGER, "PEXPIRETIME", e) ||
            !lane_expect(target, &t, REPLY_INTEGER, "PEXPIRETIME", e))
            return false;
        k->state = (uint8_t)expiries_judge(p, b, k->state, &s, &t);
    }
    return true;
}

static bool get_read(pass *p, batch *b, err *e)
{
    size_t asked = 0;
    for (size_t from = b->from, to = 0; from < b->to; from = to) {
        to = chunk_end(b, from, &asked);
        if (asked == 0) continue;
        if (!values_read(p, b, from, to, e)) return false;
        if (!p->no_expiries && !expiries_read(p, b, from, to, e)) return false;
    }
    if (p->v->source.can_dump && p->v->target.can_dump) return true;
    for (size_t i = b->from; i < b->to; i++) {
        if (b->keys[i].state == KEY_DUMP) b->keys[i].state = KEY_LARGE;
    }
    return true;
}

/* ---- DUMP ---- */

static bool dump_send(lane *l, const batch *b, err *e)
{
    for (size_t i = b->from; i < b->to; i++) {
        if (b->keys[i].asked && !lane_command(l, "*2\r\n$4\r\nDUMP\r\n", key_argument(b, i), e))
            return false;
    }
    return true;
}

static bool payloads_equal(verify *v, span s, span t)
{
    /* The same type and the same bytes; the footer names only the version and the checksum. */
    if (s.size == t.size && s.size > RDB_FOOTER_SIZE &&
        memcmp(s.at, t.at, s.size - RDB_FOOTER_SIZE) == 0)
        return true;
    fingerprint a;
    fingerprint b;
    uint8_t kind_a = 0;
    uint8_t kind_b = 0;
    err e;
    return verify_digest(v, s, &a, &kind_a, &e) && verify_digest(v, t, &b, &kind_b, &e) &&
           kind_a == kind_b && fingerprint_equal(a, b);
}

static bool dump_read(pass *p, batch *b, err *e)
{
    lane *source = &p->v->source;
    lane *target = &p->v->target;
    for (size_t i = b->from; i < b->to; i++) {
        batch_key *k = &b->keys[i];
        lane_answer s;
        lane_answer t;
        if (!k->asked) continue;
        if (!lane_read_pair(source, target, &s, &t, e)) return false;
        if (s.token.kind == REPLY_ERROR) return lane_refused(source, s.token.text, "DUMP", e);
        if (t.token.kind == REPLY_ERROR) return lane_refused(target, t.token.text, "DUMP", e);
        if (s.big || t.big) {
            k->state = KEY_LARGE;
        } else if (s.token.kind == REPLY_NIL && t.token.kind == REPLY_NIL) {
            k->state = KEY_GONE;
        } else if (s.token.kind == REPLY_NIL || t.token.kind == REPLY_NIL) {
            k->state = KEY_SUSPECT;
        } else {
            k->state = payloads_equal(p->v, s.token.text, t.token.text) ? KEY_EQUAL : KEY_SUSPECT;
        }
        if (!drop_pair(p, &s, &t, e)) return false;
    }
    return true;
}

/* ---- the exchange ---- */

static bool batch_count(pass *p, batch *b, err *e)
{
    verify_result *r = p->v->result;
    for (size_t i = 0; i < b->count; i++) {
        key_state state = b->keys[i].state;
        if (state == KEY_GONE) continue;
        p->db->compared++;
        r->compared++;
        if (state == KEY_EQUAL) continue;
        assert(state == KEY_SUSPECT || state == KEY_LARGE);
        suspect s = {.db = p->db->db, .large = state == KEY_LARGE, .class = VERIFY_UNSETTLED};
        if (state == KEY_SUSPECT) r->rechecked++;
        if (state == KEY_LARGE) r->large++;
        if (!suspects_add(p->v->open, &s, key_name(b, i), e)) return false;
    }
    r->held += b->held;
    batch_reset(b);
    return true;
}

/* The target first: the source still has the SCAN that was sent before. */
static bool exchange_send(pass *p, err *e)
{
    verify *v = p->v;
    batch *dump = &p->ring[STAGE_DUMP];
    batch *get = &p->ring[STAGE_GET];
    if (!engine_renew(v->target.engine, e)) return false;
    window_next(dump, KEY_DUMP, p->window_keys);
    window_next(get, KEY_TODO, p->window_keys);
    p->turning = dump->to == dump->count && get->to == get->count;
    if (!dump_send(&v->target, dump, e) || !get_send(p, &v->target, get, e)) return false;
    if (!lane_flush(&v->target, e)) return false;
    if (!dump_send(&v->source, dump, e) || !get_send(p, &v->source, get, e)) return false;
    if (!lane_flush(&v->source, e)) return false;
    if (p->sizing && !size_send(&v->target, &p->ring[STAGE_SIZE], e)) return false;
    return lane_flush(&v->target, e);
}

/* The sizes were the target's. As long as the source's are alike, more keys go into a window. */
static void window_keys_adapt(pass *p)
{
    uint64_t received = p->v->source.received - p->window_received;
    uint64_t expected = p->ring[STAGE_DUMP].bytes + p->ring[STAGE_GET].bytes;
    if (received > 4 * expected + MIB) {
        p->window_keys = WINDOW_KEYS_FIRST;
    } else if (p->window_keys < BATCH_KEYS_MAX) {
        p->window_keys *= 2;
    }
}

static bool exchange_read(pass *p, err *e)
{
    verify *v = p->v;
    if (!pass_scan_read(p, &v->source, &p->ring[STAGE_SCAN], e)) return false;
    p->window_received = v->source.received;
    if (!dump_read(p, &p->ring[STAGE_DUMP], e) || !get_read(p, &p->ring[STAGE_GET], e))
        return false;
    window_keys_adapt(p);
    if (p->turning && !pass_scan_send(p, &v->source, e)) return false;
    if (p->sizing && !size_read(&v->target, &p->ring[STAGE_SIZE], e)) return false;
    p->sizing = false;
    return true;
}

/* Every batch takes its next stage. The one that has been through all is counted. */
static bool ring_turn(pass *p, err *e)
{
    batch *done = &p->ring[STAGE_DUMP];
    uint64_t behind = done->next;
    bool some = done->count > 0;
    if (!batch_count(p, done, e)) return false;
    if (some) p->v->place.position = behind;
    batch spare = *done;
    memmove(&p->ring[0], &p->ring[1], 3 * sizeof p->ring[0]);
    p->ring[STAGE_SCAN] = spare;
    p->ring[STAGE_DUMP].from = p->ring[STAGE_DUMP].to = 0;
    p->ring[STAGE_GET].from = p->ring[STAGE_GET].to = 0;
    p->sizing = p->ring[STAGE_SIZE].count > 0;
    return true;
}

/* The list of suspects is full: it is settled and empty again. */
static bool pass_settle(pass *p, lane *scanning, batch *scanned, err *e)
{
    if (!suspects_full(p->v->open)) return true;
    if (!pass_scan_read(p, scanning, scanned, e)) return false;
    p->v->settling = true; /* an error in there leaves half a list */
    if (!settle_run(p->v, e)) return false;
    p->v->settling = false;
    return verify_select(p->v, p->db->db, e);
}

/* Not at position 0: that is the begin of a pass, whose end it would be taken for. */
static bool place_save(verify *v, err *e)
{
    return v->place.position == 0 || verify_save(v, false, e);
}

static bool ring_is_empty(const pass *p)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(p->ring); i++)
        count += p->ring[i].count;
    return count == 0;
}

/* One go, until done or an error. The place is moved with every counted batch. */
static bool forward_from(pass *p, uint64_t keys_all, err *e)
{
    verify *v = p->v;
    p->cursor = v->place.position;
    p->scan_done = p->scan_sent = p->sizing = false;
    p->scan_count = SCAN_COUNT;
    p->window_keys = WINDOW_KEYS_FIRST;
    for (size_t i = 0; i < COUNT_OF(p->ring); i++)
        batch_reset(&p->ring[i]);
    if (!verify_select(v, p->db->db, e) || !pass_scan_send(p, &v->source, e)) return false;
    while (!p->scan_done || !ring_is_empty(p)) {
        if (verify_stopped(v, e)) return false;
        if (!exchange_send(p, e) || !exchange_read(p, e)) return false;
        if (!p->turning) continue; /* another window of the same batches */
        if (!ring_turn(p, e) || !place_save(v, e)) return false;
        verify_progress_note(v, &(verify_progress){.phase = "keys",
                                                   .db = p->db->db,
                                                   .keys = p->db->compared,
                                                   .keys_all = keys_all,
                                                   .suspects = suspects_count(v->open)});
        if (!pass_settle(p, &v->source, &p->ring[STAGE_SCAN], e)) return false;
    }
    return true;
}

bool pass_forward(verify *v, verify_db *db, const db_facts *facts, err *e)
{
    pass p = {.v = v, .db = db, .no_expiries = facts->expires == 0};
    for (size_t i = 0; i < COUNT_OF(p.ring); i++)
        p.ring[i].names = buf_of(BATCH_NAMES_MAX);
    bool done = false;
    bool again = true;
    while (again && !done) {
        done = forward_from(&p, facts->source_keys, e);
        again = done || verify_reconnect(v, e);
    }
    for (size_t i = 0; i < COUNT_OF(p.ring); i++)
        batch_clear(&p.ring[i]);
    return done;
}

/* ---- the other direction ---- */

/* Keys of a batch that are ours, not the user's, are taken out. */
static void bookkeeping_drop(batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (span_starts(key_name(b, i), BOOKKEEPING_PREFIX)) {
            b->left_out++;
        } else {
            b->keys[kept++] = b->keys[i];
        }
    }
    b->count = kept;
}

/* Which ones are not there: asked one by one, since the sum was not the whole batch. */
static bool exists_each(pass *p, const batch *b, err *e)
{
    lane *l = &p->v->source;
    for (size_t i = 0; i < b->count; i++)
        if (!lane_command(l, "*2\r\n$6\r\nEXISTS\r\n", key_argument(b, i), e)) return false;
    if (!lane_flush(l, e)) return false;
    for (size_t i = 0; i < b->count; i++) {
        int64_t there = 0;
        if (!lane_read_integer(l, "EXISTS", &there, e)) return false;
        if (there) continue;
        suspect s = {.db = p->db->db, .class = VERIFY_EXTRA};
        p->v->result->rechecked++;
        if (!suspects_add(p->v->open, &s, key_name(b, i), e)) return false;
    }
    return true;
}

static bool exists_send(lane *l, const batch *b, err *e)
{
    buf *out = lane_out(l);
    if (b->count == 0) return true;
    if (!lane_send(l, resp_begin(out, b->count + 1) && resp_arg_text(out, "EXISTS"), e))
        return false;
    for (size_t i = 0; i < b->count; i++)
        if (!lane_command(l, "", key_argument(b, i), e)) return false;
    return lane_flush(l, e);
}

/* Looks at the answer for a batch that was sent. */
static bool exists_read(pass *p, batch *b, err *e)
{
    int64_t there = 0;
    p->v->result->bookkeeping += b->left_out;
    b->left_out = 0;
    if (b->count == 0) return true;
    if (!lane_read_integer(&p->v->source, "EXISTS", &there, e)) return false;
    if (there < (int64_t)b->count && !exists_each(p, b, e)) return false;
    p->db->on_target += b->count;
    batch_reset(b);
    return true;
}

/* While the source looks a batch up the target already scans the next. */
static bool reverse_from(pass *p, uint64_t keys_all, err *e)
{
    verify *v = p->v;
    batch *asked = &p->ring[0];
    batch *scanned = &p->ring[1];
    p->cursor = v->place.position;
    p->scan_done = p->scan_sent = false;
    p->scan_count = SCAN_COUNT;
    batch_reset(asked);
    batch_reset(scanned);
    if (!verify_select(v, p->db->db, e) || !pass_scan_send(p, &v->target, e)) return false;
    while (p->scan_sent || scanned->count > 0 || asked->count > 0) {
        if (verify_stopped(v, e)) return false;
        uint64_t behind = p->cursor; /* of the batch that was asked for */
        if (!pass_scan_read(p, &v->target, scanned, e) || !engine_renew(v->target.engine, e) ||
            !pass_scan_send(p, &v->target, e))
            return false;
        if (!exists_read(p, asked, e)) return false;
        v->place.position = behind;
        if (!place_save(v, e)) return false;
        bookkeeping_drop(scanned);
        if (!exists_send(&v->source, scanned, e)) return false;
        batch spare = *asked;
        *asked = *scanned;
        *scanned = spare;
        verify_progress_note(v, &(verify_progress){.phase = "extra keys",
                                                   .db = p->db->db,
                                                   .keys = p->db->on_target,
                                                   .keys_all = keys_all,
                                                   .suspects = suspects_count(v->open)});
        if (!suspects_full(v->open)) continue;
        if (!exists_read(p, asked, e) || !pass_settle(p, &v->target, scanned, e)) return false;
    }
    return true;
}

bool pass_reverse(verify *v, verify_db *db, const db_facts *facts, err *e)
{
    pass p = {.v = v, .db = db};
    p.ring[0].names = buf_of(BATCH_NAMES_MAX);
    p.ring[1].names = buf_of(BATCH_NAMES_MAX);
    bool done = false;
    bool again = true;
    while (again && !done) {
        done = reverse_from(&p, facts->target_keys, e);
        again = done || verify_reconnect(v, e);
    }
    batch_clear(&p.ring[0]);
    batch_clear(&p.ring[1]);
    return done;
}
