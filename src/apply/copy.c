#include "apply/copy.h"

#include <unistd.h>

#include "apply/hold.h"
#include "apply/value.h"
#include "base/clock.h"
#include "engine/bookkeeping.h"
#include "engine/info.h"
#include "rdb/payload.h"

#define POLL_US 200
#define STAND_MS 5000
#define TRIES 5
/* Of one EXEC of the source, and of one group: the values are here twice. */
#define COPY_KEYS_MAX ((size_t)100)
#define COPY_BYTES_MAX (UINT64_C(8) * 1024 * 1024)

/* --- the applier's side ---------------------------------------------------------------------- */

bool copy_orders(link_shared *s, uint64_t position, uint64_t generation, uint64_t *ret_limit)
{
    copy_order *c = &s->copy;
    *ret_limit = UINT64_MAX;
    if (c->state == COPY_STOP) {
        c->state = COPY_STOOD;
        c->generation = generation;
    }
    if (c->state == COPY_STOOD) return false;
    if (c->state != COPY_READY) return true;
    if (c->generation != generation || position > c->offset) {
        c->state = COPY_LOST;
        return true;
    }
    *ret_limit = c->offset;
    return true;
}

void copy_lost(link_shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool begun =
        s->copy.state == COPY_STOOD || s->copy.state == COPY_READY || s->copy.state == COPY_SENT;
    if (begun) s->copy.state = COPY_LOST;
    pthread_mutex_unlock(&s->lock);
}

void copy_answered(link_shared *s, const group *g)
{
    pthread_mutex_lock(&s->lock);
    if (s->copy.ticket == g->copy_ticket && s->copy.state == COPY_SENT) s->copy.state = COPY_DONE;
    pthread_mutex_unlock(&s->lock);
}

/* Every command that stands in `wire`, as one of the group that belongs to this item. */
static bool
commands_add(apply_context *x, group *g, const copy_item *i, unsigned item, span wire, err *e)
{
    resp_command c = {0};
    bool good = true;
    while (good && wire.size > 0) {
        size_t size = 0;
        good = resp_command_read(&c, wire, 0, &size, e) == STEP_DONE &&
               group_add(g, &x->target, i->key->db, false, span_of(wire.at, size), e);
        if (good) g->commands[g->count - 1].copy = item + 1;
        if (good) wire = span_tail(wire, size);
    }
    resp_command_clear(&c);
    return good;
}

/* A value that cannot be written is refused like one that the target does not take. */
static bool item_write(apply_context *x, copy_item *i, int64_t hold_until_ms, buf *out)
{
    err e = {0};
    rdb_payload p;
    if (!i->present && x->options->policy == TARGET_MERGE)
        return false; /* perhaps the target's own */
    if (!i->present) {
        const span args[] = {span_text("UNLINK"), i->key->key};
        return resp_spans(out, COUNT_OF(args), args);
    }
    int64_t expiry = i->expires_at_ms < 0 ? -1 : hold_expiry(i->expires_at_ms, hold_until_ms);
    bool good = rdb_payload_open(i->payload, &p, &e);
    const value_target to = {.rdb_version = x->options->target_rdb_version,
                             .fields_expire = x->options->fields_expire,
                             .hold_until_ms = hold_until_ms};
    good = good && value_payload_write(&p, i->key->key, expiry, i->elements, &to, out, &e);
    if (good) return true;
    i->refused = true;
    (void)snprintf(i->text, sizeof i->text, "%.200s", e.text);
    return false;
}

bool copy_add(apply_context *x, group *g, int64_t hold_until_ms, err *e)
{
    link_shared *s = x->shared;
    bool good = true;
    /* The asking side waits and touches nothing; only its giving up must not come in between. */
    pthread_mutex_lock(&s->lock);
    copy_order *c = &s->copy;
    bool ready = c->state == COPY_READY;
    for (unsigned i = 0; ready && good && i < c->count; i++) {
        CLEANUP(buf_clear) buf out = buf_of(RESP_BULK_MAX);
        copy_item *item = &c->items[i];
        if (!item_write(x, item, hold_until_ms, &out)) continue; /* told with the item */
        good = commands_add(x, g, item, i, buf_span(&out), e);
    }
    if (ready) c->state = COPY_SENT;
    if (ready) g->copy_ticket = c->ticket;
    g->closed = ready;
    pthread_mutex_unlock(&s->lock);
    return good;
}

/* --- the asking side ------------------------------------------------------------------------- */

/* Waits while it is `state`; answers what came of it. */
static copy_state state_wait(link_shared *s, copy_state from, copy_state to, int64_t deadline_ns)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        copy_state now = s->copy.state;
        pthread_mutex_unlock(&s->lock);
        if ((now != from && now != to) || deadline_left_ms(deadline_ns) == 0) return now;
        (void)usleep(POLL_US);
    }
}

static bool stand(link_shared *s, err *e)
{
    pthread_mutex_lock(&s->lock);
    s->copy = (copy_order){.state = COPY_STOP, .ticket = s->copy.ticket + 1};
    pthread_mutex_unlock(&s->lock);
    if (state_wait(s, COPY_STOP, COPY_STOP, deadline_in_ms(STAND_MS)) == COPY_STOOD) return true;
    (void)err_set(e, ERR_TIMEOUT, "the link does not apply the stream just now");
    return err_hint(e, "wait until 'migrate status' says in-sync, and ask again");
}

/* One EXEC: the offset, and of every key its value and its expiry. */
static bool question_write(buf *out, const copy_item *items, size_t count, bool absolute)
{
    static const char *const multi[] = {"MULTI"};
    static const char *const info[] = {"INFO", "replication"};
    static const char *const now[] = {"TIME"};
    static const char *const exec[] = {"EXEC"};
    bool fits = resp_texts(out, 1, multi) && resp_texts(out, 2, info) && resp_texts(out, 1, now);
    for (size_t i = 0; fits && i < count; i++) {
        const span dump[] = {span_text("DUMP"), items[i].key->key};
        const span expiry[] = {span_text(absolute ? "PEXPIRETIME" : "PTTL"), items[i].key->key};
        fits = resp_begin(out, 2) && resp_arg_text(out, "SELECT") &&
               resp_arg_i64(out, items[i].key->db) && resp_spans(out, 2, dump) &&
               resp_spans(out, 2, expiry);
    }
    return fits && resp_texts(out, 1, exec);
}

static int64_t time_read(const reply *r)
{
    int64_t s = 0;
    int64_t us = 0;
    bool good = r->kind == REPLY_ARRAY && r->count == 2 && span_to_i64(r->items[0].text, &s) &&
                span_to_i64(r->items[1].text, &us);
    return good ? s * 1000 + us / 1000 : 0;
}

typedef struct {
    uint64_t offset;
    span replid;
} copy_place;

static bool answer_read(
    const reply *exec, copy_item *items, size_t count, bool absolute, copy_place *ret, err *e)
{
    if (exec->kind != REPLY_ARRAY || exec->count != 2 + 3 * count ||
        !info_u64(exec->items[0].text, "master_repl_offset", &ret->offset) ||
        !info_text(exec->items[0].text, "master_replid", &ret->replid)) {
        (void)err_set(e, ERR_REFUSED, "the source answered: %s", reply_show(exec->text).text);
        return err_blame(e, SIDE_SOURCE);
    }
    int64_t now_ms = time_read(&exec->items[1]);
    for (size_t i = 0; i < count; i++) {
        const reply *dump = &exec->items[2 + 3 * i + 1];
        const reply *expiry = &exec->items[2 + 3 * i + 2];
        if (reply_is_error(dump) || expiry->kind != REPLY_INTEGER) {
            (void)err_set(e, ERR_REFUSED, "the source answered: %s", reply_show(dump->text).text);
            return err_blame(e, SIDE_SOURCE);
        }
        items[i].present = dump->kind == REPLY_BULK;
        items[i].payload = dump->text;
        items[i].expires_at_ms = expiry->integer < 0 ? -1
                                 : absolute          ? expiry->integer
                                                     : now_ms + expiry->integer;
    }
    return true;
}

/* Before 7.0 there is no PEXPIRETIME: the whole is refused, and asked with PTTL. */
static bool
values_read(engine *source, arena *memory, copy_item *items, size_t count, copy_place *ret, err *e)
{
    const reply *answers[4 + 3 * COPY_KEYS_MAX];
    for (int absolute = 1; absolute >= 0; absolute--) {
        CLEANUP(buf_clear) buf out = buf_of(RESP_BULK_MAX);
        if (!question_write(&out, items, count, absolute))
            return err_set(e, ERR_LIMIT, "no room for %zu keys", count);
        size_t asked = 4 + 3 * count;
        if (!engine_pipeline(source, memory, buf_span(&out), asked, answers, e)) return false;
        bool unknown = absolute && reply_is_error(answers[5]);
        if (unknown) continue;
        return answer_read(answers[asked - 1], items, count, absolute, ret, e);
    }
    return false;
}

/* What was asked for is taken back: an answer to it is nobody's. */
static void give_up(link_shared *s)
{
    pthread_mutex_lock(&s->lock);
    s->copy = (copy_order){.ticket = s->copy.ticket + 1};
    pthread_mutex_unlock(&s->lock);
}

/* With the values here. ret_lost: nobody knows what became of it. */
static bool hand_over(
    const copier *c, const copy_place *at, copy_item *items, size_t count, bool *ret_lost, err *e)
{
    link_shared *s = c->shared;
    pthread_mutex_lock(&s->lock);
    bool stands = s->copy.state == COPY_STOOD;
    if (stands) {
        s->copy.offset = at->offset;
        s->copy.items = items;
        s->copy.count = count;
        s->copy.state = COPY_READY;
    }
    pthread_mutex_unlock(&s->lock);
    copy_state came = stands ? state_wait(s, COPY_READY, COPY_SENT, c->deadline_ns) : COPY_LOST;
    give_up(s);
    *ret_lost = came == COPY_LOST;
    if (came == COPY_DONE || came == COPY_LOST) return true;
    (void)err_set(e, ERR_TIMEOUT, "the link did not get to offset %" PRIu64 " in time", at->offset);
    return err_hint(e, "see the reason in 'migrate status'; ask again when the lag is small");
}

static bool once(const copier *c, copy_item *items, size_t count, bool *ret_lost, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    copy_place at = {0};
    if (!stand(c->shared, e) || !values_read(c->source, &memory, items, count, &at, e)) {
        give_up(c->shared);
        return false;
    }
    spool_origin origin = spool_origin_get(c->spool);
    if (!span_is(at.replid, origin.replid)) { /* another server answers there than the link reads */
        give_up(c->shared);
        *ret_lost = true;
        return true;
    }
    return hand_over(c, &at, items, count, ret_lost, e);
}

static bool batch_run(const copier *c, copy_item *items, size_t count, err *e)
{
    for (int i = 0; i < TRIES; i++) {
        bool lost = false;
        for (size_t k = 0; k < count; k++)
            items[k].refused = false;
        if (!once(c, items, count, &lost, e)) return false;
        if (!lost) return true;
    }
    (void)err_set(e, ERR_STATE, "the link's connections were lost again and again");
    return err_hint(e, "see the reason in 'migrate status', and ask again");
}

static bool is_bookkeeping(const link_copy *k)
{
    return k->db == 0 && span_starts(k->key, BOOKKEEPING_PREFIX);
}

/* Bytes in the source's memory; 0 when it is not there. */
static bool size_ask(engine *source, const link_copy *k, uint64_t *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char db[16];
    const reply *r = NULL;
    (void)snprintf(db, sizeof db, "%u", k->db);
    const span args[] = {span_text("MEMORY"), span_text("USAGE"), k->key};
    if (!engine_ask(source, &memory, &r, e, "SELECT", db) ||
        !engine_ask_spans(source, &memory, &r, e, COUNT_OF(args), args))
        return false;
    *ret = r->kind == REPLY_INTEGER && r->integer > 0 ? (uint64_t)r->integer : 0;
    return true;
}

static void verdict_give(const copy_item *i, link_copy *k)
{
    k->verdict = i->refused   ? LINK_COPY_REFUSED
                 : i->present ? LINK_COPY_WRITTEN
                              : LINK_COPY_DELETED;
    (void)snprintf(k->text, sizeof k->text, "%s", i->refused ? i->text : "");
}

/* What the target does not take whole is written once more, element by element. */
static bool batch_copy(const copier *c, link_copy *keys, size_t count, err *e)
{
    copy_item items[COPY_KEYS_MAX] = {0};
    link_copy *again[COPY_KEYS_MAX];
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        items[i].key = &keys[i];
    if (!batch_run(c, items, count, e)) return false;
    for (size_t i = 0; i < count; i++) {
        verdict_give(&items[i], &keys[i]);
        if (items[i].refused) again[left++] = &keys[i];
    }
    if (left == 0) return true;
    for (size_t i = 0; i < left; i++)
        items[i] = (copy_item){.key = again[i], .elements = true};
    if (!batch_run(c, items, left, e)) return false;
    for (size_t i = 0; i < left; i++)
        verdict_give(&items[i], again[i]);
    return true;
}

static void refuse(link_copy *k, bool ours, uint64_t size)
{
    k->verdict = LINK_COPY_REFUSED;
    if (ours) {
        (void)snprintf(k->text, sizeof k->text, "names that begin with '%s' are not copied",
                       BOOKKEEPING_PREFIX);
        return;
    }
    (void)snprintf(k->text, sizeof k->text,
                   "its %" PRIu64 " bytes are more than a copy by value takes (%zu MiB)", size,
                   VALUE_BYTES_MAX / MIB);
}

bool copy_run(const copier *c, link_copy *keys, size_t count, err *e)
{
    size_t from = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 0;
        bool ours = is_bookkeeping(&keys[i]);
        if (!ours && !size_ask(c->source, &keys[i], &size, e)) return false;
        bool large = ours || size > VALUE_BYTES_MAX;
        bool full = i > from && (i - from == COPY_KEYS_MAX || bytes + size > COPY_BYTES_MAX);
        if ((large || full) && i > from && !batch_copy(c, keys + from, i - from, e)) return false;
        if (large || full) {
            from = i;
            bytes = 0;
        }
        bytes += size;
        if (!large) continue;
        refuse(&keys[i], ours, size);
        from = i + 1;
        bytes = 0;
    }
    return from == count || batch_copy(c, keys + from, count - from, e);
}
