/* engine/scan.h: every key of every database of one server, by SCAN: no command that blocks. */
#pragma once
#include "engine/engine.h"

/* A key that exists during the whole walk is called at least once, sometimes twice. False from the
 * callback ends the walk. Leaves the connection in any database. */
typedef bool scan_key(void *arg, unsigned db, span key, err *e);
bool scan_all(engine *s, scan_key *each, void *arg, err *e) MUST_CHECK;

/* The databases that hold keys, in order; at most `max`. */
bool scan_databases(engine *s, unsigned *ret, size_t max, size_t *ret_count, err *e) MUST_CHECK;
/* The same batch by batch: one SCAN answer at a time (up to some thousand keys). */
typedef enum {
    SCAN_ALL,
    SCAN_EXPIRING,       /* of databases in which at least one key has an expiry */
    SCAN_FIELDS_EXPIRING /* hashes, of databases in which the field of one has */
} scan_what;
typedef bool scan_batch(void *arg, unsigned db, size_t count, const reply *keys, err *e);
bool scan_batches(engine *s, scan_what what, scan_batch *each, void *arg, err *e) MUST_CHECK;
