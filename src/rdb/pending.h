/* rdb/pending.h: the pending entries of one consumer group, until the file names their consumers.
 *
 * A file holds the ids of a group with delivery time and count first, and only behind them which
 * consumer has which. The rows are packed as differences, some 8 bytes each, with one place to
 * enter in 64, so that millions of them stay within a few megabytes; the limit is given at the
 * start. Rows come in ascending order and are never taken out. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

typedef struct {
    uint64_t ms;
    uint64_t seq;
} rdb_stream_id;

typedef struct {
    rdb_stream_id id;
    int64_t delivered_ms;
    uint64_t deliveries;
} rdb_pending_row;

/* Where a block of rows begins: the row before it, and its place. */
typedef struct {
    rdb_pending_row before;
    rdb_stream_id first;
    size_t at;
} rdb_pending_block;

/* Made by the caller with rdb_pending_init; the fields are the table's own. */
typedef struct {
    buf rows;
    rdb_pending_block *blocks;
    size_t block_count, block_room;
    uint8_t *owned; /* one bit a row */
    size_t owned_room;
    size_t count, owned_count;
    rdb_pending_row last;
} rdb_pending;

typedef enum { PENDING_FOUND, PENDING_UNKNOWN, PENDING_TAKEN } rdb_pending_found;

void rdb_pending_init(rdb_pending *p, size_t bytes_max);
void rdb_pending_clear(rdb_pending *p);
void rdb_pending_empty(rdb_pending *p); /* for the next group; the memory stays */
/* ERR_FORMAT: not behind the last one. ERR_LIMIT: too many. */
bool rdb_pending_add(rdb_pending *p, const rdb_pending_row *row, err *e) MUST_CHECK;
/* Finds a row and takes it for a consumer: each has one. */
rdb_pending_found
rdb_pending_take(rdb_pending *p, rdb_stream_id id, rdb_pending_row *ret) MUST_CHECK;
