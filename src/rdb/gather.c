#include "rdb/gather.h"

#include "rdb/lzf.h"

/* Strings are many and mostly small; one giant does not keep its memory for the rest. */
#define BUFFER_KEPT_MAX MIB

void rdb_gather_init(rdb_gather *g, uint64_t max)
{
    *g = (rdb_gather){.max = max, .stored = buf_of(max), .text = buf_of(max)};
}

void rdb_gather_clear(rdb_gather *g)
{
    buf_clear(&g->stored);
    buf_clear(&g->text);
    g->is_open = false;
}

static step head_read(rdb_gather *g, cursor *in, err *e)
{
    step s = rdb_string_head_read(in, g->max, &g->head, e);
    if (s != STEP_DONE) return s;
    g->is_open = true;
    g->is_borrowed = false;
    g->stored.size = 0;
    buf_shrink(&g->stored, BUFFER_KEPT_MAX);
    g->text.size = 0;
    buf_shrink(&g->text, BUFFER_KEPT_MAX);
    return STEP_DONE;
}

/* All stored bytes are here; `offset` is behind them. */
static step unpack(rdb_gather *g, span stored, uint64_t offset, span *ret, err *e)
{
    g->is_open = false;
    if (g->head.form == RDB_STRING_RAW) {
        *ret = stored;
        return STEP_DONE;
    }
    size_t size = (size_t)g->head.size;
    bool fits = buf_reserve(&g->text, size);
    assert(fits); /* the head was held to the limit */
    if (!lzf_decompress(stored, g->text.at, size)) {
        return err_at(e, ERR_FORMAT, offset - g->head.stored,
                      "damaged LZF string of %" PRIu64 " bytes", g->head.stored);
    }
    g->text.size = size;
    g->is_borrowed = false;
    *ret = buf_span(&g->text);
    return STEP_DONE;
}

step rdb_gather_read(rdb_gather *g, cursor *in, span *ret, err *e)
{
    if (!g->is_open) {
        step s = head_read(g, in, e);
        if (s != STEP_DONE) return s;
    }
    if (g->head.form == RDB_STRING_NUMBER) {
        g->is_open = false;
        rdb_decimal_write(g->head.number, &g->decimal);
        *ret = rdb_decimal_span(&g->decimal);
        return STEP_DONE;
    }
    span stored;
    if (g->stored.size == 0 && cursor_take(in, (size_t)g->head.stored, &stored)) {
        g->is_borrowed = true;
        return unpack(g, stored, in->offset, ret, e);
    }
    size_t owed = (size_t)g->head.stored - g->stored.size;
    bool taken = cursor_take(in, size_min(owed, cursor_left(in)), &stored);
    assert(taken);
    bool fits = buf_append(&g->stored, stored);
    assert(fits);
    if (g->stored.size < g->head.stored) return STEP_MORE;
    return unpack(g, buf_span(&g->stored), in->offset, ret, e);
}
