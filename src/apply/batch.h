/* apply/batch.h: small strings that never expire, many of them in one MSET. Pure.
 *
 * Most keys of most caches are small strings, and what a target spends on one of them is mostly
 * the command around it (docs/performance.md): an MSET of many costs it less for each. A key stands
 * in a snapshot once and its commands need no order among themselves, so a string may wait here
 * while keys behind it are sent. */
#pragma once
#include "apply/value.h"

/* What one batch holds at most: it stays some 50 us of the target's time. */
#define BATCH_PAIRS_MAX ((size_t)64)
#define BATCH_BYTES_MAX (32 * KIB)
/* Key and value of more bytes gain nothing from company. */
#define BATCH_PAIR_BYTES_MAX (4 * KIB)

typedef struct {
    buf args; /* the pairs as arguments, ready to be sent */
    size_t pairs;
    uint32_t db;
    uint64_t item_at; /* the first pair's position in the snapshot */
} value_batch;

void value_batch_init(value_batch *b);
void value_batch_clear(value_batch *b);
/* What waits must be written before a key of `db` can be added. */
bool value_batch_is_due(const value_batch *b, uint32_t db);
/* Takes `v` if it is such a string; call it on a batch that is not due. */
bool value_batch_add(value_batch *b, const value_item *v, uint32_t db, uint64_t item_at) MUST_CHECK;
/* The pairs as one command, which empties the batch. ERR_LIMIT: the buffer is full. */
bool value_batch_write(value_batch *b, buf *out, err *e) MUST_CHECK;
