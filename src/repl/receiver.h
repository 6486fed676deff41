/* repl/receiver.h: a thread that behaves towards the source as a replica and fills the spool.
 *
 * It asks to go on where the spool ends (PSYNC), begins a new generation when the source answers
 * FULLRESYNC, acknowledges what it holds once a second also during the snapshot, reconnects by
 * itself, and stops reading while the spool or the disk is full. It parses neither snapshot nor
 * stream. protocol.md R10: after a diskless snapshot an ACK is sent at once. */
#pragma once
#include "engine/engine.h"
#include "repl/spool.h"

typedef struct receiver receiver;

typedef struct {
    const engine_url *source; /* copied */
    spool *spool;             /* outlives the receiver */
    bool full_sync;           /* do not try to go on: what the spool holds is of no use */
    uint64_t generation_used; /* the target knows this one: full syncs get higher numbers */
    int64_t silence_max_ms;   /* a source that says nothing for so long is given up */
} receiver_options;

typedef enum {
    RECEIVER_CONNECTING,
    RECEIVER_WAITING,  /* for the source to make a snapshot */
    RECEIVER_SNAPSHOT, /* receiving it */
    RECEIVER_STREAM,
} receiver_state;

typedef struct {
    receiver_state state;
    uint64_t generation;     /* of what is being received */
    uint64_t snapshot_bytes; /* received of this generation's */
    uint64_t snapshot_total; /* 0: the source does not say (diskless) */
    uint64_t bytes;          /* received since the start */
    int64_t heard_ns;        /* when the source was last heard; 0: never */
    uint64_t connections;    /* made so far */
    bool full;               /* not reading: the spool or the disk is full */
    err trouble;             /* why it is not connected or not reading; kind ERR_NONE: nothing */
} receiver_status;

receiver *receiver_start(const receiver_options *o);
void receiver_stop(receiver *r); /* waits for the thread; frees */
receiver_status receiver_status_get(receiver *r);
/* From any thread: acknowledge now (the source asked by REPLCONF GETACK). */
void receiver_ack(receiver *r);
/* From any thread: what the spool holds is of no use; ask for a full sync. */
void receiver_full_sync(receiver *r);
