/* drill/check.h: the keys of a drill on the new primary: which are there, and away with them. */
#pragma once
#include "drill/client.h"
#include "engine/engine.h"

/* Is that write there? */
bool check_one(engine *s, const client *c, uint64_t n, bool *ret, err *e) MUST_CHECK;
/* Reads every acknowledged write of a client that writes no more. ret_last_lost: the last lost one
 * (at_ns 0: none was). */
bool check_all(engine *s, const client *c, uint64_t *ret_lost, ledger_write *ret_last_lost, err *e)
    MUST_CHECK;
/* Removes all that it may have written. */
bool check_remove(engine *s, const client *c, err *e) MUST_CHECK;
