/* rdb/digest.h: a 128 bit digest of a value that does not depend on how the value is stored.
 *
 * The same value has the same digest in every encoding, from every engine, and by both faces: from
 * a DUMP payload, and element by element (as LRANGE, SMEMBERS, HSCAN, ZRANGE WITHSCORES, XRANGE
 * and XINFO STREAM FULL answer them). Order counts in strings, lists and stream entries; not in
 * sets, hashes, zsets, groups and pending entries, whose element hashes are summed.
 *
 * In a stream count: entries, last id, groups with their last id, pending entries with consumer,
 * delivery time and delivery count. Not: entries_read, length, first id, max deleted id and
 * entries added (a 7.0 engine neither writes them into its replication stream nor gets the same
 * values back from commands; the length follows from the entries), consumers without pending
 * entries and times a consumer was seen (replicated only by some versions).
 * Field expiries of hashes count. A score of -0 equals 0. HyperLogLogs are strings. Module values
 * are digested as they are serialized: equal digests mean equal bytes, nothing more is known. */
#pragma once
#include "rdb/decode.h"

typedef struct {
    uint64_t low, high;
} rdb_digest;

static inline bool rdb_digest_equal(rdb_digest a, rdb_digest b)
{
    return a.low == b.low && a.high == b.high;
}

typedef struct {
    rdb_decode_limits limits;
    /* Field expiries at or above it are held back (apply): they count as what remains after
     * subtracting it. 0: none are. */
    int64_t expiry_hold_ms;
} rdb_digest_options;

struct rdb_digester;
struct rdb_digester *rdb_digester_new(const rdb_digest_options *options);
void rdb_digester_free(struct rdb_digester *d);

/* Element by element. Begin at any time; a PENDING belongs to the last GROUP; a string may come in
 * pieces of any size; CONSUMER, END and the meta data other than the last id are ignored. */
void rdb_digest_begin(struct rdb_digester *d, rdb_kind kind);
void rdb_digest_feed(struct rdb_digester *d, const rdb_element *element);
rdb_digest rdb_digest_end(struct rdb_digester *d);

/* A whole payload. ret_kind may be NULL. */
bool rdb_digest_payload(
    struct rdb_digester *d, span payload, rdb_digest *ret, rdb_kind *ret_kind, err *e) MUST_CHECK;
