/* rdb/walk.h: finds the end of a serialized value without decoding it.
 *
 * The walker interprets the type's grammar with an explicit stack. It eats from the cursor as far
 * as it can and remembers where it is, so the window may slide under it: a string larger than the
 * window is skipped in pieces, nothing is held. It needs at most RDB_WINDOW_MIN bytes in the
 * window to make progress.
 * Invariant: `consumed` is the number of bytes of the value that are behind the cursor. */
#pragma once
#include "base/cursor.h"
#include "rdb/types.h"

/* A window of this size always lets the readers here make progress. */
#define RDB_WINDOW_MIN ((size_t)64)

typedef struct {
    const char *at; /* the next letter of the grammar */
    uint64_t skip;  /* bytes of a string that are still to come */
    uint64_t consumed;
    struct {
        const char *begin; /* behind the "l(" */
        uint64_t left;     /* rounds, this one included */
    } loops[RDB_NESTING_MAX];
    size_t depth;
} rdb_walk;

/* False: the type is unknown or cannot be read; the error names it. */
bool rdb_walk_begin(rdb_walk *w, uint8_t type, err *e) MUST_CHECK;
/* For layouts that are no object: a grammar of rdb/types.h that lives on. */
void rdb_walk_begin_grammar(rdb_walk *w, const char *grammar);
/* STEP_DONE: the cursor stands behind the value. STEP_MORE: all but a cut-off field is eaten. */
step rdb_walk_step(rdb_walk *w, cursor *in, err *e) MUST_CHECK;
