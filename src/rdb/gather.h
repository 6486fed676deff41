/* rdb/gather.h: reads one whole string through a window that may be smaller than it.
 *
 * A string that is wholly in the window is borrowed from there; else its bytes are gathered here,
 * and what STEP_MORE ate is kept. Compressed strings and numbers are made here.
 * Ownership: the span is good until the window moves or the next call, whichever is first, and
 * while `ret` is not `is_borrowed`, until the next call only. Limit: `max`, given at init. */
#pragma once
#include "base/buf.h"
#include "rdb/text.h"

typedef struct {
    uint64_t max;
    bool is_open;     /* the head has been read, bytes are still to come */
    bool is_borrowed; /* the last string is a part of the window */
    rdb_string_head head;
    buf stored; /* bytes so far, when they do not fit the window */
    buf text;   /* decompressed */
    rdb_decimal decimal;
} rdb_gather;

void rdb_gather_init(rdb_gather *g, uint64_t max);
void rdb_gather_clear(rdb_gather *g);
step rdb_gather_read(rdb_gather *g, cursor *in, span *ret, err *e) MUST_CHECK;
