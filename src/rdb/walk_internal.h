/* rdb/walk_internal.h: the loops of a grammar, shared by the walker and the decoder. */
#pragma once
#include "rdb/walk.h"

/* At an `l(`: reads the count, enters the loop or steps behind it when it is empty. */
step rdb_walk_enter(rdb_walk *w, cursor *c, err *e) MUST_CHECK;
/* At a `)`: back to the begin of the loop, or out of it. */
void rdb_walk_close(rdb_walk *w);
