/* rdb/types.h: the one table of object types and of opcodes.
 *
 * A type's `grammar` says how its value is laid out; the walker (rdb/walk.h) needs nothing else to
 * find the value's end, and the decoder (rdb/decode.h) reads the same letters as roles. A type
 * without a grammar is known by name only: it stops the reader with that name, it is never
 * skipped, since its end cannot be found.
 *
 * Grammar: `l(...)` is a count and that many times what is inside; every other letter is one
 * field. Its shape is in rdb_shape_of(); its role is the letter itself:
 *   strings   s value  e list element  m set member  f hash field  v hash value  z zset member
 *             b blob (its inner format is in `blob`)  k stream node id  g group  c consumer
 *             x one that is not carried (producer and message of an idempotent XADD)
 *   numbers   n any  q quicklist container  t field expiry behind the shortest one  r entries read
 *             y one that is not carried
 *   8 bytes   D double  X field expiry  B shortest field expiry  T delivered  S seen  A active
 *   16 bytes  I pending id  J pending id owned by the consumer
 *   others    d score in ASCII  * module value (opcodes up to an end mark)
 * Numbers of the stream's own record are `n` in the order of the file.
 *
 * Type 22 and up mean different things to redis and to valkey: rdb_type_find() is told the version.
 * Format: valkey src/rdb.h (RDB_TYPE_*), src/rdb.c (rdbLoadObject); redis 7.4 for 24 and 25,
 * dumps of redis 8.6.3 for 26. */
#pragma once
#include "base/err.h"

#define RDB_NESTING_MAX 3
/* Redis counts up to 79, valkey goes on from 80 (valkey src/rdb.h: RDB_FOREIGN_VERSION_MAX). */
#define RDB_VERSION_REDIS_MAX 14
#define RDB_VERSION_VALKEY_MIN 80
#define RDB_VERSION_VALKEY_MAX 81
#define RDB_TYPE_DIVERGES 22 /* from here on redis and valkey count for themselves */

typedef enum {
    RDB_KIND_STRING,
    RDB_KIND_LIST,
    RDB_KIND_SET,
    RDB_KIND_ZSET,
    RDB_KIND_HASH,
    RDB_KIND_STREAM,
    RDB_KIND_MODULE,
} rdb_kind;

/* What is inside a `b` string. */
typedef enum {
    RDB_BLOB_NONE,
    RDB_BLOB_LISTPACK,
    RDB_BLOB_ZIPLIST,
    RDB_BLOB_INTSET,
    RDB_BLOB_ZIPMAP
} rdb_blob;

typedef enum {
    RDB_SHAPE_END,    /* the grammar is over */
    RDB_SHAPE_STRING, /* head and bytes, rdb/text.h */
    RDB_SHAPE_NUMBER, /* rdb/length.h */
    RDB_SHAPE_8,      /* fixed bytes */
    RDB_SHAPE_16,
    RDB_SHAPE_ASCII_DOUBLE, /* a length byte and digits; 253 to 255 are nan, inf, -inf */
    RDB_SHAPE_MODULE,
    RDB_SHAPE_COUNT, /* l( */
    RDB_SHAPE_CLOSE, /* ) */
} rdb_shape;

typedef struct {
    uint8_t number;
    bool is_valkey; /* only in files and payloads of valkey; else only in those of redis from 22 */
    uint16_t version_min; /* first RDB version that has it */
    rdb_kind kind;
    const char *name;
    rdb_blob blob;
    const char *grammar; /* NULL: known by name only */
} rdb_type;

/* The type a byte means in this RDB version; NULL when no engine has it. */
const rdb_type *rdb_type_find(uint8_t number, uint16_t version);
/* The same, but the type must be readable: else an error that names it. */
const rdb_type *
rdb_type_readable(uint8_t number, uint16_t version, uint64_t offset, err *e) MUST_CHECK;
/* For values whose version is not at hand: 22 is then valkey's, the only one that is readable. */
const rdb_type *rdb_type_any(uint8_t number);
/* Whether an engine of this RDB version takes values of the type (RESTORE): a newer or foreign type
 * must go as commands. */
bool rdb_type_is_loaded(const rdb_type *type, unsigned version);
const char *rdb_kind_name(rdb_kind kind); /* "string", "zset", ... as TYPE answers */

/* Every row, for tests and reports. */
const rdb_type *rdb_type_row(size_t index); /* NULL behind the last */

extern const uint8_t rdb_shapes[128];
static inline rdb_shape rdb_shape_of(char letter)
{
    return (rdb_shape)rdb_shapes[(uint8_t)letter & 0x7f];
}

/* What may stand where an object type stands. */
typedef enum {
    RDB_OP_SLOT_INFO = 244,
    RDB_OP_FUNCTION = 245,
    RDB_OP_MODULE_AUX = 247,
    RDB_OP_IDLE = 248,
    RDB_OP_FREQ = 249,
    RDB_OP_AUX = 250,
    RDB_OP_RESIZE = 251,
    RDB_OP_EXPIRE_MS = 252,
    RDB_OP_EXPIRE_S = 253,
    RDB_OP_SELECT = 254,
    RDB_OP_END = 255,
} rdb_op;
/* The name of an opcode, also of those we do not read ("slot-import"); NULL: no opcode. */
const char *rdb_op_name(uint8_t number, uint16_t version);

/* The nine letters of a module's 64 bit id; its last ten bits are an encoding version. */
typedef struct {
    char text[10];
} rdb_module_name;
rdb_module_name rdb_module_name_of(uint64_t id);
