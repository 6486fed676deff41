#include "rdb/intset.h"

#define HEADER_SIZE 8

bool intset_open(rdb_pack *p, span blob, err *e)
{
    if (blob.size < HEADER_SIZE) {
        (void)packed_bad(e, "intset", blob.size, "it ends");
        return false;
    }
    uint64_t size = (uint64_t)packed_signed(blob.at, 4) & UINT32_MAX;
    uint64_t count = (uint64_t)packed_signed(blob.at + 4, 4) & UINT32_MAX;
    bool known = size == 2 || size == 4 || size == 8;
    if (!known || (blob.size - HEADER_SIZE) / size != count ||
        (blob.size - HEADER_SIZE) % size != 0) {
        (void)packed_bad(e, "intset", 0, "its size is wrong");
        return false;
    }
    p->at = HEADER_SIZE;
    p->count = count;
    return true;
}

packed_step intset_next(rdb_pack *p, span blob, rdb_packed *ret, err *e)
{
    if (p->at == blob.size) return packed_end(p, "intset", e);
    size_t size = blob.at[0];
    *ret = (rdb_packed){.is_number = true, .number = packed_signed(blob.at + p->at, size)};
    p->at += size;
    p->seen++;
    return PACKED_VALUE;
}
