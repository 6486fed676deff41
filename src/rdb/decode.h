/* rdb/decode.h: a serialized value as a stream of elements, whatever its encoding.
 *
 * rdb_decode_next() answers one element per call; numbers of packed encodings come as their
 * decimal text. In memory is never more than one blob (a listpack node, a field and its value) and,
 * of a stream, the pending ids of one group; strings of any size come in pieces, compressed ones
 * through an 8 KiB window. The limits are given when the decoder is made.
 * Invariants: what STEP_MORE ate is kept, the window may slide at any time, RDB_WINDOW_MIN bytes
 * in it always make progress. After RDB_ELEMENT_END the cursor stands behind the value, exactly
 * where the walker (rdb/walk.h) would stand.
 * Ownership: the spans of an element are good until the window moves or the next call.
 * Format: valkey src/rdb.c (rdbLoadObject), src/t_stream.c (streamAppendItem). */
#pragma once
#include "base/cursor.h"
#include "rdb/pending.h"
#include "rdb/types.h"

typedef enum {
    RDB_ELEMENT_END,    /* the value is over */
    RDB_ELEMENT_PIECE,  /* of a string: text; count: bytes of the whole. An empty string has one */
    RDB_ELEMENT_ITEM,   /* of a list, in order: text */
    RDB_ELEMENT_MEMBER, /* of a set: text */
    RDB_ELEMENT_FIELD,  /* of a hash: text, value, expires_at_ms */
    RDB_ELEMENT_SCORED, /* of a zset: text, score */
    RDB_ELEMENT_ENTRY,  /* of a stream: id; count field and value pairs follow */
    RDB_ELEMENT_ENTRY_FIELD, /* text, value */
    RDB_ELEMENT_STREAM,      /* behind all entries: stream */
    RDB_ELEMENT_GROUP,       /* text: its name; id: last delivered; entries_read */
    RDB_ELEMENT_CONSUMER,    /* of the group: text: its name; seen_ms, active_ms */
    RDB_ELEMENT_PENDING, /* of the consumer: text: its name; id, delivered_ms, count: deliveries */
    RDB_ELEMENT_MODULE,  /* serialized bytes of a module's value: text */
} rdb_element_kind;

typedef struct {
    uint64_t length;
    rdb_stream_id last;
    bool has_history; /* RDB 10 and later: what follows was in the file, else it is the engine's
                         guess */
    rdb_stream_id first;
    rdb_stream_id max_deleted;
    uint64_t entries_added;
} rdb_stream_meta;

typedef struct {
    rdb_element_kind kind;
    span text;
    span value;
    uint64_t count;
    int64_t expires_at_ms; /* wall clock; -1: never */
    double score;
    rdb_stream_id id;
    int64_t entries_read; /* -1: unknown */
    int64_t seen_ms, active_ms, delivered_ms;
    rdb_stream_meta stream;
} rdb_element;

typedef struct {
    size_t blob_max;    /* bytes of one blob, one element, one field; not of a string value */
    size_t pending_max; /* bytes of the pending ids of one group, some 8 each */
} rdb_decode_limits;

#define RDB_DECODE_LIMITS_DEFAULT                                                                  \
    ((rdb_decode_limits){.blob_max = 512 * MIB, .pending_max = 256 * MIB})

struct rdb_decoder;
struct rdb_decoder *rdb_decoder_new(const rdb_decode_limits *limits);
void rdb_decoder_free(struct rdb_decoder *d);
/* A decoder may be begun again at any time, also in the middle of a value. The type is readable. */
void rdb_decoder_begin(struct rdb_decoder *d, const rdb_type *type);
step rdb_decode_next(struct rdb_decoder *d, cursor *in, rdb_element *ret, err *e) MUST_CHECK;
