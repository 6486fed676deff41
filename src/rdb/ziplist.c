#include "rdb/ziplist.h"

#define HEADER_SIZE 10
#define COUNT_UNKNOWN 65535
#define END_MARK 0xff
#define LONG_BEFORE 0xfe /* the size of the value before stands in four more bytes */

bool ziplist_open(rdb_pack *p, span blob, err *e)
{
    if (blob.size < HEADER_SIZE + 1) {
        (void)packed_bad(e, "ziplist", blob.size, "it ends");
        return false;
    }
    uint64_t size = (uint64_t)packed_signed(blob.at, 4) & UINT32_MAX;
    uint64_t count = (uint64_t)packed_signed(blob.at + 8, 2) & UINT16_MAX;
    if (size != blob.size || blob.at[blob.size - 1] != END_MARK) {
        (void)packed_bad(e, "ziplist", 0, "its size is wrong");
        return false;
    }
    p->at = HEADER_SIZE;
    p->count = count == COUNT_UNKNOWN ? UINT64_MAX : count;
    return true;
}

/* Bytes in front of a text, 0 when the mark is no text; ret_size: of the text. */
static size_t text_head(const uint8_t *at, size_t left, uint64_t *ret_size)
{
    switch (at[0] >> 6) {
    case 0:
        *ret_size = at[0] & 0x3f;
        return 1;
    case 1:
        *ret_size = left < 2 ? 0 : (uint64_t)(at[0] & 0x3f) << 8 | at[1];
        return 2;
    case 2:
        *ret_size =
            left < 5 ? 0
                     : (uint64_t)at[1] << 24 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 8 | at[4];
        return 5;
    default:
        return 0;
    }
}

/* Bytes of a number behind its mark; SIZE_MAX: no such mark. */
static size_t number_size(uint8_t mark)
{
    if (mark >= 0xf1 && mark <= 0xfd) return 0; /* 0 to 12 in the mark itself */
    switch (mark) {
    case 0xc0:
        return 2;
    case 0xd0:
        return 4;
    case 0xe0:
        return 8;
    case 0xf0:
        return 3;
    case 0xfe:
        return 1;
    default:
        return SIZE_MAX;
    }
}

/* The value without what stands in front of it about the one before; ret_size: its bytes. */
static packed_step value_read(
    const rdb_pack *p, const uint8_t *at, size_t left, rdb_packed *ret, size_t *ret_size, err *e)
{
    if (left == 0) return packed_bad(e, "ziplist", p->at, "a value is cut off");
    uint64_t text_size = 0;
    size_t head = text_head(at, left, &text_size);
    if (head > left) return packed_bad(e, "ziplist", p->at, "a value is cut off");
    if (head > 0) {
        if (text_size > left - head)
            return packed_bad(e, "ziplist", p->at, "a text is longer than the rest");
        *ret = (rdb_packed){.text = span_of(at + head, (size_t)text_size)};
        *ret_size = head + (size_t)text_size;
        return PACKED_VALUE;
    }
    size_t size = number_size(at[0]);
    if (size == SIZE_MAX) return packed_bad(e, "ziplist", p->at, "no such value");
    if (size > left - 1) return packed_bad(e, "ziplist", p->at, "a value is cut off");
    *ret = (rdb_packed){.is_number = true};
    ret->number = size == 0 ? (at[0] & 0x0f) - 1 : packed_signed(at + 1, size);
    *ret_size = 1 + size;
    return PACKED_VALUE;
}

packed_step ziplist_next(rdb_pack *p, span blob, rdb_packed *ret, err *e)
{
    size_t last = blob.size - 1; /* the end mark */
    const uint8_t *at = blob.at + p->at;
    size_t left = last - p->at;
    if (left == 0) return packed_end(p, "ziplist", e);
    size_t front = at[0] == LONG_BEFORE ? 5 : 1;
    if (front > left) return packed_bad(e, "ziplist", p->at, "a value is cut off");
    uint64_t before = front == 1 ? at[0] : (uint64_t)packed_signed(at + 1, 4) & UINT32_MAX;
    if (before != p->before)
        return packed_bad(e, "ziplist", p->at, "the size of the value before is wrong");
    rdb_packed value;
    size_t size = 0;
    packed_step s = value_read(p, at + front, left - front, &value, &size, e);
    if (s != PACKED_VALUE) return s;
    p->before = front + size;
    p->at += front + size;
    p->seen++;
    *ret = value;
    return PACKED_VALUE;
}
