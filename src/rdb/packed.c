#include "rdb/packed.h"

#include "rdb/intset.h"
#include "rdb/listpack.h"
#include "rdb/ziplist.h"
#include "rdb/zipmap.h"

static const struct {
    bool (*open)(rdb_pack *p, span blob, err *e);
    packed_step (*next)(rdb_pack *p, span blob, rdb_packed *ret, err *e);
} encodings[] = {
    [RDB_BLOB_LISTPACK] = {listpack_open, listpack_next},
    [RDB_BLOB_ZIPLIST] = {ziplist_open, ziplist_next},
    [RDB_BLOB_INTSET] = {intset_open, intset_next},
    [RDB_BLOB_ZIPMAP] = {zipmap_open, zipmap_next},
};

bool rdb_pack_open(rdb_pack *p, rdb_blob format, span blob, err *e)
{
    assert(format > RDB_BLOB_NONE);
    assert((size_t)format < COUNT_OF(encodings));
    *p = (rdb_pack){.format = format, .count = UINT64_MAX};
    return encodings[format].open(p, blob, e);
}

packed_step rdb_pack_next(rdb_pack *p, span blob, rdb_packed *ret, err *e)
{
    return encodings[p->format].next(p, blob, ret, e);
}

packed_step packed_bad(err *e, const char *encoding, size_t at, const char *what)
{
    (void)err_set(e, ERR_FORMAT, "damaged %s: %s at its byte %zu", encoding, what, at);
    return PACKED_BAD;
}

packed_step packed_end(const rdb_pack *p, const char *encoding, err *e)
{
    if (p->count == UINT64_MAX || p->count == p->seen) return PACKED_END;
    (void)err_set(e, ERR_FORMAT, "damaged %s: %" PRIu64 " values where it says %" PRIu64, encoding,
                  p->seen, p->count);
    return PACKED_BAD;
}

int64_t packed_signed(const uint8_t *at, size_t size)
{
    assert(size >= 1);
    assert(size <= 8);
    uint64_t bits = 0;
    for (size_t i = size; i > 0; i--)
        bits = bits << 8 | at[i - 1];
    unsigned unused = (unsigned)(64 - 8 * size);
    return (int64_t)(bits << unused) >> unused; /* gcc and clang shift the sign in */
}
