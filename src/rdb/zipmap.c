#include "rdb/zipmap.h"

#define COUNT_UNKNOWN 254
#define LONG_LENGTH 254 /* the length stands in four more bytes */
#define END_MARK 0xff

bool zipmap_open(rdb_pack *p, span blob, err *e)
{
    if (blob.size < 2 || blob.at[blob.size - 1] != END_MARK) {
        (void)packed_bad(e, "zipmap", blob.size, "it does not end");
        return false;
    }
    p->at = 1;
    p->count = blob.at[0] < COUNT_UNKNOWN ? 2 * (uint64_t)blob.at[0] : UINT64_MAX;
    return true;
}

packed_step zipmap_next(rdb_pack *p, span blob, rdb_packed *ret, err *e)
{
    size_t last = blob.size - 1; /* the end mark */
    bool is_value = p->seen % 2 == 1;
    const uint8_t *at = blob.at + p->at;
    size_t left = last - p->at;
    if (left == 0 && is_value) return packed_bad(e, "zipmap", p->at, "a field without a value");
    if (left == 0) return packed_end(p, "zipmap", e);
    if (at[0] == END_MARK) return packed_bad(e, "zipmap", p->at, "it goes on behind its end");
    size_t head = at[0] == LONG_LENGTH ? 5 : 1;
    size_t slack_at = head;
    if (is_value) head++;
    if (head > left) return packed_bad(e, "zipmap", p->at, "a value is cut off");
    uint64_t size = at[0] == LONG_LENGTH ? (uint64_t)packed_signed(at + 1, 4) & UINT32_MAX : at[0];
    if (size > left - head) return packed_bad(e, "zipmap", p->at, "a text is longer than the rest");
    size_t slack = is_value ? at[slack_at] : 0;
    if (slack > left - head - size) return packed_bad(e, "zipmap", p->at, "slack behind the end");
    *ret = (rdb_packed){.text = span_of(at + head, (size_t)size)};
    p->at += head + (size_t)size + slack;
    p->seen++;
    return PACKED_VALUE;
}
