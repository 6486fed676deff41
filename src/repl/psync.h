/* repl/psync.h: what a source sends after PSYNC: its answer, the snapshot's frame, the stream.
 *
 * Pure: fed bytes, answers events. Both frames of a snapshot: "$<size>\r\n" and size bytes
 * (disk-based), and "$EOF:<40 bytes>\r\n", bytes, the same 40 bytes (diskless). The end mark is
 * searched everywhere and not only at the end of a read, because stream bytes may follow it at
 * once when an ACK of ours came early. Lone newlines are keep-alives until the snapshot begins.
 *
 * Dual channel (valkey 8.0 and newer): the source answers PSYNC with +DUALCHANNELSYNC; the snapshot
 * comes over another connection, behind "$ENDOFF:<offset> <replid> <db> <client id>", while the
 * stream from that offset flows on the first one.
 * Source: redis 7.0 and valkey 8.0 src/replication.c, readSyncBulkPayload, replicationSetupSlave,
 * syncCommand, sendCurrentOffsetToReplica. */
#pragma once
#include "base/cursor.h"
#include "base/err.h"
#include "repl/spool.h"

#define PSYNC_MARK_SIZE 40

typedef enum {
    PSYNC_FULLRESYNC,     /* replid, offset */
    PSYNC_CONTINUE,       /* replid when the source named a new one, else empty */
    PSYNC_DUAL_CHANNEL,   /* the snapshot is to be asked for on another connection */
    PSYNC_PLACE,          /* there: replid, offset, client: of that connection */
    PSYNC_REFUSED,        /* text: an error line, such as NOMASTERLINK or LOADING */
    PSYNC_SNAPSHOT_BEGIN, /* size, or UINT64_MAX when only its end will tell */
    PSYNC_SNAPSHOT_BYTES, /* bytes */
    PSYNC_SNAPSHOT_END,
    PSYNC_STREAM_BYTES, /* bytes */
} psync_event_kind;

typedef struct {
    psync_event_kind kind;
    char replid[REPLID_SIZE + 1];
    uint64_t offset;
    uint64_t size;
    uint64_t client;
    span bytes; /* borrowed from the input */
} psync_event;

typedef struct {
    enum {
        PSYNC_AT_ANSWER,
        PSYNC_AT_PLACE,
        PSYNC_AT_FRAME,
        PSYNC_IN_SIZED,
        PSYNC_IN_MARKED,
        PSYNC_IN_STREAM
    } at;
    uint64_t left; /* of a sized snapshot */
    uint8_t mark[PSYNC_MARK_SIZE];
} psync_reader; /* start with {0}; where a snapshot alone comes, with PSYNC_AT_PLACE */

step psync_read(psync_reader *p, cursor *in, psync_event *ret, err *e) MUST_CHECK;
