#include "apply/reconcile.h"

#include "engine/bookkeeping.h"
#include "engine/scan.h"

#define DELETE_BATCH ((size_t)500)

typedef struct {
    apply_context *x;
    buf batch;
    size_t count;
    unsigned db; /* of the batch */
    uint64_t deleted;
} deletion;

bool reconcile_keys_are_there(engine *target, bool has_checkpoint, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info;
    if (!engine_info(target, &memory, "keyspace", &info, e)) return false;
    uint64_t keys = 0;
    span line;
    while (span_cut(&info, '\n', &line)) {
        size_t at = 0;
        uint64_t here = 0;
        if (!span_starts(line, "db") || !span_find(line, span_text("keys="), &at)) continue;
        span number = span_tail(line, at + 5);
        span digits;
        if (span_cut(&number, ',', &digits) && span_to_u64(digits, &here)) keys += here;
    }
    *ret = keys > (has_checkpoint ? 1 : 0);
    return true;
}

bool reconcile_is_needed(engine *target, bool has_checkpoint, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *libraries = NULL;
    bool keys = false;
    if (!reconcile_keys_are_there(target, has_checkpoint, &keys, e)) return false;
    if (!engine_try(target, &memory, &libraries, e, "FUNCTION", "LIST")) return false;
    *ret = keys || (libraries->kind == REPLY_ARRAY && libraries->count > 0);
    return true;
}

static bool candidate_add(void *arg, unsigned db, span key, err *e)
{
    apply_context *x = arg;
    if (atomic_load(&x->shared->stop)) return err_set(e, ERR_STOPPED, "stopped");
    if (span_starts(key, BOOKKEEPING_PREFIX)) return true;
    return keyset_candidate(x->keys, db, key, e);
}

static bool batch_send(deletion *d, err *e)
{
    if (d->count == 0) return true;
    CLEANUP(arena_clear) arena memory = {0};
    const reply *answers[DELETE_BATCH + 1];
    if (!engine_pipeline(d->x->target.engine, &memory, buf_span(&d->batch), d->count, answers, e))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        if (!reply_is_error(answers[i])) continue;
        err_set(e, ERR_REFUSED, "the target refused to delete a key the source has not: %s",
                reply_show(answers[i]->text).text);
        return err_blame(e, SIDE_TARGET);
    }
    pthread_mutex_lock(&d->x->shared->lock);
    d->x->shared->progress.reconciled += d->deleted;
    pthread_mutex_unlock(&d->x->shared->lock);
    d->batch.size = d->count = 0;
    d->deleted = 0;
    return true;
}

/* The libraries of the target; engines before 7 have none and say so. */
static bool libraries_add(apply_context *x, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (!engine_try(x->target.engine, &memory, &r, e, "FUNCTION", "LIST")) return false;
    for (size_t i = 0; r->kind == REPLY_ARRAY && i < r->count; i++) {
        const reply *name = reply_field(&r->items[i], "library_name");
        if (name && !keyset_candidate(x->keys, KEYSET_FUNCTIONS, name->text, e)) return false;
    }
    return true;
}

static bool library_delete(deletion *d, span name, err *e)
{
    const span args[] = {span_text("FUNCTION"), span_text("DELETE"), name};
    if (!resp_spans(&d->batch, COUNT_OF(args), args))
        return err_set(e, ERR_LIMIT, "a library's name of %zu bytes", name.size);
    d->count++;
    d->deleted++;
    return true;
}

static bool key_delete(void *arg, unsigned db, span key, err *e)
{
    deletion *d = arg;
    if (d->count >= DELETE_BATCH - 1 && !batch_send(d, e)) return false;
    if (db == KEYSET_FUNCTIONS) return library_delete(d, key, e);
    bool selected = false;
    const span args[] = {span_text("UNLINK"), key};
    bool fits = target_select(&d->x->target, &d->batch, db, &selected) &&
                resp_spans(&d->batch, COUNT_OF(args), args);
    if (!fits) return err_set(e, ERR_LIMIT, "a key of %zu bytes", key.size);
    d->count += selected ? 2 : 1;
    d->deleted++;
    return true;
}

bool reconcile_run(apply_context *x, err *e)
{
    link_shared_phase(x->shared, LINK_RECONCILE);
    if (!scan_all(x->target.engine, candidate_add, x, e) || !libraries_add(x, e)) return false;
    x->target.db = UINT16_MAX + 1u; /* the scan left it anywhere */
    deletion d = {.x = x, .batch = buf_of(1024 * MIB)};
    bool done = keyset_compare(x->keys, key_delete, &d, e) && batch_send(&d, e);
    buf_clear(&d.batch);
    return done || err_wrap(e, "deleting what the source no longer has");
}
