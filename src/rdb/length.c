#include "rdb/length.h"

step rdb_length_read(cursor *in, uint64_t max, rdb_length *ret, err *e)
{
    cursor c = *in; /* a copy: the caller's cursor moves only when the whole prefix is here */
    uint8_t b = 0;
    uint64_t v = 0;
    if (!cursor_u8(&c, &b)) return STEP_MORE;
    size_t tail = b == 0x80 ? 4 : b == 0x81 ? 8 : b >> 6 == 1 ? 1 : 0;
    if (b >> 6 == 2 && !tail) return err_at(e, ERR_FORMAT, in->offset, "no length form 0x%02x", b);
    if (tail && !cursor_be(&c, tail, &v)) return STEP_MORE;
    if (tail < 4) v |= (uint64_t)(b & 0x3f) << (8 * tail); /* the 6 and 14 bit forms */
    bool is_encoding = b >> 6 == 3;
    if (!is_encoding && v > max)
        return err_at(e, ERR_LIMIT, in->offset, "length %" PRIu64 ", limit %" PRIu64, v, max);
    *ret = (rdb_length){.value = v, .is_encoding = is_encoding};
    *in = c;
    return STEP_DONE;
}

step rdb_number_read(cursor *in, uint64_t max, uint64_t *ret, err *e)
{
    cursor c = *in;
    rdb_length length = {0};
    step s = rdb_length_read(&c, max, &length, e);
    if (s != STEP_DONE) return s;
    if (length.is_encoding) {
        return err_at(e, ERR_FORMAT, in->offset, "string encoding %" PRIu64 " instead of a number",
                      length.value);
    }
    *ret = length.value;
    *in = c;
    return STEP_DONE;
}
