/* apply/copy.h: keys copied by value at their own place in the stream (protocol.md section 5).
 *
 * The asking side stops the applier at some offset P, reads from the source, in one transaction,
 * the values and the offset X >= P that they belong to, and lets the applier go on. It applies
 * everything up to X and puts the values into the group that ends there: they are in the same EXEC
 * as the checkpoint X, which is their skip mark. Nothing of the key up to X is applied behind them,
 * nothing behind X before them, and no command reads a value that is ahead of it. A kill at any
 * moment leaves either the group whole or nothing of it.
 *
 * A lost connection, a new generation, another source: the copy is given up and asked for anew, for
 * nobody knows whether it was made; made twice it is made once. */
#pragma once
#include "apply/group.h"

/* The asking side. */
typedef struct {
    link_shared *shared;
    spool *spool;
    engine *source; /* a client of it */
    int64_t deadline_ns;
} copier;
bool copy_run(const copier *c, link_copy *keys, size_t count, err *e) MUST_CHECK;

/* The applier's side. In which position it stands; true: it may go on, up to *ret_limit. */
bool copy_orders(link_shared *s, uint64_t position, uint64_t generation, uint64_t *ret_limit);
/* At the limit: the values as commands of the group, which then is full. */
bool copy_add(apply_context *x, group *g, int64_t hold_until_ms, err *e) MUST_CHECK;
/* The group is answered: with what became of its copies. */
void copy_answered(link_shared *s, const group *g);
/* The connection was made anew, or the stream begins: what was on its way is not known. */
void copy_lost(link_shared *s);
