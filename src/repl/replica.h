/* repl/replica.h: whether a replica of the source may feed the link in the source's place.
 *
 * Pure: reads what INFO says on both. A replica relays its primary's stream byte for byte, under
 * the same replication id and offsets, so a link goes on at one where it stopped at the other. */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "repl/spool.h"

/* A replica further behind is of no use to a cutover. */
#define REPLICA_LAG_MAX_BYTES (UINT64_C(16) * 1024 * 1024)

typedef struct {
    const char *replid; /* what the spool goes on from; empty: a full sync is asked for */
    uint64_t end;       /* of the spool's stream */
    bool keeps_all;     /* its CONFIG says that it evicts nothing by itself */
} replica_need;

/* INFO all of both, the source's read first. ERR_STATE says what speaks against the replica. */
bool replica_fits(span source, span replica, const replica_need *need, err *e) MUST_CHECK;
/* The address of replica `index` in the source's INFO; false: there are no more. One that is not
 * online has an empty address. */
bool replica_listed(span source, unsigned index, span *ret_host, uint16_t *ret_port);
/* Up to which offset the source knows that replica to have come; false: it is not connected there.
 */
bool replica_offset(span source, const char *host, uint16_t port, uint64_t *ret);
