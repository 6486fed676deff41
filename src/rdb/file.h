/* rdb/file.h: reads an RDB file item by item; it is fed bytes and does no I/O.
 *
 * After RDB_ITEM_KEY the cursor stands on the value's first byte: the caller walks it
 * (rdb/walk.h) or decodes it (rdb/decode.h) and then asks for the next item.
 *
 * Invariants: what STEP_MORE ate is kept in the reader, so the window may slide at any time, and
 * RDB_WINDOW_MIN bytes in it always make progress. At an item boundary (before the header, behind
 * a value, behind an item that is no key) the only state is version and database: a reader may
 * be taken up there in the middle of a file with rdb_reader_resume().
 * Ownership: the spans of an item are borrowed, from the window (a key that is wholly in it) or
 * from the reader; they are good until the window moves or the next call, whichever is first.
 * The checksum is the caller's: it alone sees the bytes of the values; see rdb_item_crc_size().
 * Format: valkey src/rdb.c, rdbLoadRioWithLoadingCtx. */
#pragma once
#include "rdb/gather.h"
#include "rdb/walk.h"

#define RDB_HEADER_SIZE 9
#define RDB_CHECKSUM_SIZE 8
/* Keys, auxiliary fields and functions: what an engine takes for one argument by default. */
#define RDB_KEY_MAX ((uint64_t)512 * MIB)
#define RDB_DB_MAX ((uint64_t)INT32_MAX)

typedef enum {
    RDB_ITEM_HEADER,     /* version, is_valkey */
    RDB_ITEM_AUX,        /* key, value */
    RDB_ITEM_SELECT,     /* db */
    RDB_ITEM_RESIZE,     /* key_count, expire_count: hints */
    RDB_ITEM_SLOT_INFO,  /* slot, key_count, expire_count: hints */
    RDB_ITEM_FUNCTION,   /* value: the library's code */
    RDB_ITEM_MODULE_AUX, /* module_id; its data has been walked over */
    RDB_ITEM_KEY,        /* type, key, expiry and usage; the value follows */
    RDB_ITEM_END,        /* checksum */
} rdb_item_kind;

typedef struct {
    rdb_item_kind kind;
    uint64_t offset; /* where the item begins (a key: with its expiry) */
    uint32_t db;     /* the one selected at this place */
    uint16_t version;
    bool is_valkey; /* the magic word was VALKEY */
    span key;
    span value;
    const rdb_type *type;
    int64_t expires_at_ms; /* wall clock; -1: never */
    int64_t idle_s;        /* since the last use, when the source evicts by LRU; else -1 */
    int64_t frequency;     /* 0 to 255, when the source evicts by LFU; else -1 */
    uint64_t key_count, expire_count, slot;
    uint64_t module_id; /* rdb_module_name_of() */
    uint64_t checksum;  /* 0: the file was saved without one */
    size_t checksum_size;
} rdb_item;

/* The bytes of an item that belong into the file's checksum, of those the call that answered it
 * ate: all, but not the checksum itself. */
static inline size_t rdb_item_crc_size(const rdb_item *item, size_t eaten)
{
    return item->kind == RDB_ITEM_END ? eaten - item->checksum_size : eaten;
}

/* False: the bytes are not those that were written. `crc`: over everything before the checksum. */
bool rdb_checksum_check(const rdb_item *end, uint64_t crc, err *e) MUST_CHECK;

typedef enum {
    RDB_READER_HEADER,
    RDB_READER_OPCODE,
    RDB_READER_AUX_KEY,
    RDB_READER_AUX_VALUE,
    RDB_READER_FUNCTION,
    RDB_READER_MODULE,
    RDB_READER_KEY,
    RDB_READER_ENDED,
} rdb_reader_state;

/* Made by the caller, cleared by the caller; the fields are the reader's own. */
typedef struct {
    rdb_reader_state state;
    rdb_item item;     /* what is known of the item being read */
    bool begun;        /* item.offset is set */
    rdb_gather string; /* the one being read */
    buf name;          /* the key of an auxiliary field */
    rdb_walk walk;
} rdb_reader;

void rdb_reader_init(rdb_reader *r);
/* A reader that goes on at an item boundary, in this database of a file of this version. */
void rdb_reader_resume(rdb_reader *r, uint16_t version, uint32_t db);
void rdb_reader_clear(rdb_reader *r);
step rdb_next(rdb_reader *r, cursor *in, rdb_item *ret, err *e) MUST_CHECK;
