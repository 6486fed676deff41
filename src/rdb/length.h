/* rdb/length.h: reads the length prefix that starts every RDB string and container.
 *
 * Invariants: the cursor moves only on STEP_DONE, so after STEP_MORE the caller appends bytes and
 * calls again; nothing here allocates or logs. Stream ids (milliseconds) and module ids travel in
 * the same form, so any 64 bit value can be right: `max` is the limit of the field being read.
 * Format: valkey src/rdb.h, the comment above RDB_6BITLEN. */
#pragma once
#include "base/cursor.h"
#include "base/err.h"

#define RDB_LENGTH_BYTES_MAX 9

typedef struct {
    uint64_t value;
    bool is_encoding; /* the value then names an encoding, not a length */
} rdb_length;

step rdb_length_read(cursor *in, uint64_t max, rdb_length *ret, err *e) MUST_CHECK;
/* A plain number: an encoding in its place is damage. */
step rdb_number_read(cursor *in, uint64_t max, uint64_t *ret, err *e) MUST_CHECK;
