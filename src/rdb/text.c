#include "rdb/text.h"

enum { ENCODING_INT8 = 0, ENCODING_INT16 = 1, ENCODING_INT32 = 2, ENCODING_LZF = 3 };

static step number_head_read(cursor *c, size_t size, rdb_string_head *ret)
{
    assert(size >= 1);
    assert(size <= 8);
    uint64_t bits = 0;
    if (!cursor_le(c, size, &bits)) return STEP_MORE;
    unsigned unused = (unsigned)(64 - 8 * size);
    int64_t number = (int64_t)(bits << unused) >> unused; /* gcc and clang shift the sign in */
    *ret = (rdb_string_head){.form = RDB_STRING_NUMBER, .number = number};
    return STEP_DONE;
}

static step lzf_head_read(cursor *c, uint64_t max, rdb_string_head *ret, err *e)
{
    uint64_t begin = c->offset;
    rdb_string_head head = {.form = RDB_STRING_LZF};
    step s = rdb_number_read(c, max, &head.stored, e);
    if (s != STEP_DONE) return s;
    s = rdb_number_read(c, max, &head.size, e);
    if (s != STEP_DONE) return s;
    if (head.size / RDB_LZF_RATIO_MAX > head.stored) {
        return err_at(e, ERR_FORMAT, begin, "%" PRIu64 " compressed bytes cannot make %" PRIu64,
                      head.stored, head.size);
    }
    *ret = head;
    return STEP_DONE;
}

/* The two forms that nearly all strings have: raw, of less than 64 bytes or less than 16 KiB. */
static inline bool short_head_read(cursor *in, uint64_t max, rdb_string_head *ret)
{
    size_t left = cursor_left(in);
    if (left < 2 || *in->at >= 0x80) return false;
    size_t bytes = *in->at < 0x40 ? 1 : 2;
    uint64_t size = bytes == 1 ? in->at[0] : (uint64_t)(in->at[0] & 0x3f) << 8 | in->at[1];
    if (size > max) return false; /* the long way names it */
    *ret = (rdb_string_head){.form = RDB_STRING_RAW, .stored = size, .size = size};
    in->at += bytes;
    in->offset += bytes;
    return true;
}

step rdb_string_head_read(cursor *in, uint64_t max, rdb_string_head *ret, err *e)
{
    if (short_head_read(in, max, ret)) return STEP_DONE;
    cursor c = *in;
    rdb_length length = {0};
    step s = rdb_length_read(&c, max, &length, e);
    if (s != STEP_DONE) return s;
    rdb_string_head head = {.form = RDB_STRING_RAW, .stored = length.value, .size = length.value};
    if (length.is_encoding && length.value <= ENCODING_INT32) {
        s = number_head_read(&c, (size_t)1 << length.value, &head);
    } else if (length.is_encoding && length.value == ENCODING_LZF) {
        s = lzf_head_read(&c, max, &head, e);
    } else if (length.is_encoding) {
        s = err_at(e, ERR_FORMAT, in->offset, "no string encoding %" PRIu64, length.value);
    }
    if (s != STEP_DONE) return s;
    *ret = head;
    *in = c;
    return STEP_DONE;
}

void rdb_decimal_write(int64_t number, rdb_decimal *ret)
{
    char digits[20];
    size_t count = 0;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    ret->size = 0;
    if (number < 0) ret->at[ret->size++] = '-';
    while (count > 0)
        ret->at[ret->size++] = digits[--count];
}
