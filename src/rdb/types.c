#include "rdb/types.h"

/* The streams' common parts: nodes; length and last id; then what RDB 10 added. */
#define STREAM_BEGIN "l(kb)nnn"
#define STREAM_META_2 "nnnnn"
#define STREAM_PENDING "l(ITn)"
/* Duration and size; producers with the messages of theirs that are remembered, and the ids those
 * got; how many were added, and found twice. */
#define STREAM_IDEMPOTENCY "yyl(xl(xyy))yy"

static const rdb_type types[] = {
    {0, false, 1, RDB_KIND_STRING, "string", RDB_BLOB_NONE, "s"},
    {1, false, 1, RDB_KIND_LIST, "list", RDB_BLOB_NONE, "l(e)"},
    {2, false, 1, RDB_KIND_SET, "set", RDB_BLOB_NONE, "l(m)"},
    {3, false, 1, RDB_KIND_ZSET, "zset", RDB_BLOB_NONE, "l(zd)"},
    {4, false, 1, RDB_KIND_HASH, "hash", RDB_BLOB_NONE, "l(fv)"},
    {5, false, 8, RDB_KIND_ZSET, "zset-2", RDB_BLOB_NONE, "l(zD)"},
    {6, false, 8, RDB_KIND_MODULE, "module-pre-ga", RDB_BLOB_NONE, NULL},
    {7, false, 8, RDB_KIND_MODULE, "module-2", RDB_BLOB_NONE, "n*"},
    {9, false, 2, RDB_KIND_HASH, "hash-zipmap", RDB_BLOB_ZIPMAP, "b"},
    {10, false, 2, RDB_KIND_LIST, "list-ziplist", RDB_BLOB_ZIPLIST, "b"},
    {11, false, 2, RDB_KIND_SET, "set-intset", RDB_BLOB_INTSET, "b"},
    {12, false, 2, RDB_KIND_ZSET, "zset-ziplist", RDB_BLOB_ZIPLIST, "b"},
    {13, false, 4, RDB_KIND_HASH, "hash-ziplist", RDB_BLOB_ZIPLIST, "b"},
    {14, false, 7, RDB_KIND_LIST, "list-quicklist", RDB_BLOB_ZIPLIST, "l(b)"},
    {15, false, 9, RDB_KIND_STREAM, "stream-listpacks", RDB_BLOB_LISTPACK,
     STREAM_BEGIN "l(gnn" STREAM_PENDING "l(cSl(J)))"},
    {16, false, 10, RDB_KIND_HASH, "hash-listpack", RDB_BLOB_LISTPACK, "b"},
    {17, false, 10, RDB_KIND_ZSET, "zset-listpack", RDB_BLOB_LISTPACK, "b"},
    {18, false, 10, RDB_KIND_LIST, "list-quicklist-2", RDB_BLOB_LISTPACK, "l(qb)"},
    {19, false, 10, RDB_KIND_STREAM, "stream-listpacks-2", RDB_BLOB_LISTPACK,
     STREAM_BEGIN STREAM_META_2 "l(gnnr" STREAM_PENDING "l(cSl(J)))"},
    {20, false, 11, RDB_KIND_SET, "set-listpack", RDB_BLOB_LISTPACK, "b"},
    {21, false, 11, RDB_KIND_STREAM, "stream-listpacks-3", RDB_BLOB_LISTPACK,
     STREAM_BEGIN STREAM_META_2 "l(gnnr" STREAM_PENDING "l(cSAl(J)))"},
    {22, true, 80, RDB_KIND_HASH, "hash-2", RDB_BLOB_NONE, "l(fvX)"},
    {23, true, 81, RDB_KIND_HASH, "path-hash", RDB_BLOB_NONE, NULL},
    {22, false, 12, RDB_KIND_HASH, "hash-metadata-pre-ga", RDB_BLOB_NONE, NULL},
    {23, false, 12, RDB_KIND_HASH, "hash-listpack-ex-pre-ga", RDB_BLOB_NONE, NULL},
    {24, false, 12, RDB_KIND_HASH, "hash-metadata", RDB_BLOB_NONE, "Bl(tfv)"},
    {25, false, 12, RDB_KIND_HASH, "hash-listpack-ex", RDB_BLOB_LISTPACK, "Bb"},
    {26, false, 13, RDB_KIND_STREAM, "stream-listpacks-4", RDB_BLOB_LISTPACK,
     STREAM_BEGIN STREAM_META_2 "l(gnnr" STREAM_PENDING "l(cSAl(J)))" STREAM_IDEMPOTENCY},
    {27, false, 14, RDB_KIND_STREAM, "stream-listpacks-5", RDB_BLOB_LISTPACK, NULL},
};

const uint8_t rdb_shapes[128] = {
    ['s'] = RDB_SHAPE_STRING, ['e'] = RDB_SHAPE_STRING, ['m'] = RDB_SHAPE_STRING,
    ['f'] = RDB_SHAPE_STRING, ['v'] = RDB_SHAPE_STRING, ['z'] = RDB_SHAPE_STRING,
    ['b'] = RDB_SHAPE_STRING, ['k'] = RDB_SHAPE_STRING, ['g'] = RDB_SHAPE_STRING,
    ['c'] = RDB_SHAPE_STRING, ['x'] = RDB_SHAPE_STRING, ['n'] = RDB_SHAPE_NUMBER,
    ['q'] = RDB_SHAPE_NUMBER, ['t'] = RDB_SHAPE_NUMBER, ['r'] = RDB_SHAPE_NUMBER,
    ['y'] = RDB_SHAPE_NUMBER, ['D'] = RDB_SHAPE_8,      ['X'] = RDB_SHAPE_8,
    ['B'] = RDB_SHAPE_8,      ['T'] = RDB_SHAPE_8,      ['S'] = RDB_SHAPE_8,
    ['A'] = RDB_SHAPE_8,      ['I'] = RDB_SHAPE_16,     ['J'] = RDB_SHAPE_16,
    ['*'] = RDB_SHAPE_MODULE, ['l'] = RDB_SHAPE_COUNT,  ['d'] = RDB_SHAPE_ASCII_DOUBLE,
    [')'] = RDB_SHAPE_CLOSE,
};

const rdb_type *rdb_type_row(size_t index)
{
    return index < COUNT_OF(types) ? &types[index] : NULL;
}

const rdb_type *rdb_type_find(uint8_t number, uint16_t version)
{
    bool is_valkey = version >= RDB_VERSION_VALKEY_MIN;
    size_t guess = number < 8 ? number : (size_t)number - 1; /* there is no type 8 */
    if (number < RDB_TYPE_DIVERGES && types[guess].number == number) return &types[guess];
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].number == number &&
            (number < RDB_TYPE_DIVERGES || types[i].is_valkey == is_valkey))
            return &types[i];
    }
    return NULL;
}

bool rdb_type_is_loaded(const rdb_type *type, unsigned version)
{
    if (type->number >= RDB_TYPE_DIVERGES && type->is_valkey != (version >= RDB_VERSION_VALKEY_MIN))
        return false;
    return type->version_min <= version;
}

const rdb_type *rdb_type_any(uint8_t number)
{
    if (number < RDB_TYPE_DIVERGES) return rdb_type_find(number, 0);
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].number == number) return &types[i];
    return NULL;
}

const rdb_type *rdb_type_readable(uint8_t number, uint16_t version, uint64_t offset, err *e)
{
    const rdb_type *type = rdb_type_find(number, version);
    if (type && type->grammar) return type;
    const char *op = rdb_op_name(number, version);
    if (type) {
        (void)err_at(e, ERR_FORMAT, offset, "values of type %u (%s) cannot be read", number,
                     type->name);
    } else if (op) {
        (void)err_at(e, ERR_FORMAT, offset, "opcode %u (%s) cannot be read", number, op);
    } else {
        (void)err_at(e, ERR_FORMAT, offset, "no object type %u in RDB version %u", number, version);
    }
    return NULL;
}

const char *rdb_kind_name(rdb_kind kind)
{
    static const char *const names[] = {
        [RDB_KIND_STRING] = "string", [RDB_KIND_LIST] = "list", [RDB_KIND_SET] = "set",
        [RDB_KIND_ZSET] = "zset",     [RDB_KIND_HASH] = "hash", [RDB_KIND_STREAM] = "stream",
        [RDB_KIND_MODULE] = "module",
    };
    assert((size_t)kind < COUNT_OF(names));
    return names[kind];
}

static const struct op_row {
    uint8_t number;
    bool is_valkey, is_redis;
    const char *name;
} ops[] = {
    {242, true, false, "update"},
    {243, true, false, "slot-import"},
    {243, false, true, "key-meta"},
    {RDB_OP_SLOT_INFO, true, true, "slot-info"},
    {RDB_OP_FUNCTION, true, true, "function"},
    {246, true, true, "function-pre-ga"},
    {RDB_OP_MODULE_AUX, true, true, "module-aux"},
    {RDB_OP_IDLE, true, true, "idle"},
    {RDB_OP_FREQ, true, true, "freq"},
    {RDB_OP_AUX, true, true, "aux"},
    {RDB_OP_RESIZE, true, true, "resize-db"},
    {RDB_OP_EXPIRE_MS, true, true, "expire-ms"},
    {RDB_OP_EXPIRE_S, true, true, "expire-s"},
    {RDB_OP_SELECT, true, true, "select-db"},
    {RDB_OP_END, true, true, "end"},
};

const char *rdb_op_name(uint8_t number, uint16_t version)
{
    bool is_valkey = version >= RDB_VERSION_VALKEY_MIN;
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        if (ops[i].number == number && (is_valkey ? ops[i].is_valkey : ops[i].is_redis))
            return ops[i].name;
    }
    return NULL;
}

rdb_module_name rdb_module_name_of(uint64_t id)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    rdb_module_name name = {0};
    for (unsigned i = 0; i < 9; i++)
        name.text[i] = letters[id >> (58 - 6 * i) & 63];
    return name;
}
