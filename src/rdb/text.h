/* rdb/text.h: what stands in front of the bytes of an RDB string.
 *
 * A string is raw bytes, a small number, or LZF: the head says which, and how many bytes follow
 * it. The bytes of a number belong to the head, so nothing follows one.
 * Invariant: the cursor moves only on STEP_DONE, and then stands on the first stored byte.
 * Format: valkey src/rdb.c, rdbGenericLoadStringObject. */
#pragma once
#include "rdb/length.h"

#define RDB_STRING_HEAD_BYTES_MAX (1 + 2 * RDB_LENGTH_BYTES_MAX)

/* The densest LZF token makes 264 bytes of 3: a string that claims more is damaged, and nobody
 * allocates what a few bytes claim. */
#define RDB_LZF_RATIO_MAX 88

typedef enum { RDB_STRING_RAW, RDB_STRING_NUMBER, RDB_STRING_LZF } rdb_string_form;

typedef struct {
    rdb_string_form form;
    uint64_t stored; /* bytes that follow the head in the file */
    uint64_t size;   /* bytes of the string; of a number 0: see its text */
    int64_t number;  /* RDB_STRING_NUMBER: the string is its decimal text */
} rdb_string_head;

/* `max` limits both stored and size. */
step rdb_string_head_read(cursor *in, uint64_t max, rdb_string_head *ret, err *e) MUST_CHECK;

/* The decimal text of a number, as the engines write it. */
typedef struct {
    char at[24];
    size_t size;
} rdb_decimal;
void rdb_decimal_write(int64_t number, rdb_decimal *ret);
static inline span rdb_decimal_span(const rdb_decimal *d)
{
    return span_of(d->at, d->size);
}
