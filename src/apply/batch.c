#include "apply/batch.h"

#include "resp/command.h"

/* "$N\r\n" and "\r\n" around each of the two arguments. */
#define PAIR_FRAME_MAX ((size_t)2 * (1 + 20 + 2 + 2))

void value_batch_init(value_batch *b)
{
    *b = (value_batch){.args = buf_of(BATCH_BYTES_MAX + BATCH_PAIR_BYTES_MAX + PAIR_FRAME_MAX)};
}

void value_batch_clear(value_batch *b)
{
    buf_clear(&b->args);
}

bool value_batch_is_due(const value_batch *b, uint32_t db)
{
    return b->pairs > 0 &&
           (b->db != db || b->pairs == BATCH_PAIRS_MAX || b->args.size >= BATCH_BYTES_MAX);
}

bool value_batch_add(value_batch *b, const value_item *v, uint32_t db, uint64_t item_at)
{
    assert(!value_batch_is_due(b, db));
    rdb_decimal number;
    span value;
    bool small = v->key.size + v->value.size <= BATCH_PAIR_BYTES_MAX;
    if (!small || v->expires_at_ms >= 0 || !value_is_plain(v, &number, &value)) return false;
    bool fits = resp_arg(&b->args, v->key) && resp_arg(&b->args, value);
    assert(fits); /* there is room for one more than makes it due */
    if (b->pairs == 0) {
        b->db = db;
        b->item_at = item_at;
    }
    b->pairs++;
    return true;
}

bool value_batch_write(value_batch *b, buf *out, err *e)
{
    assert(b->pairs > 0);
    if (!resp_begin(out, 1 + 2 * b->pairs) || !resp_arg_text(out, "MSET") ||
        !buf_append(out, buf_span(&b->args)))
        return err_set(e, ERR_LIMIT, "no room to send %zu strings", b->pairs);
    b->pairs = b->args.size = 0;
    return true;
}
