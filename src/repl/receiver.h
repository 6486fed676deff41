/* repl/receiver.h: a thread that behaves towards the source as a replica and fills the spool.
 *
 * It asks to go on where the spool ends (PSYNC), begins a new generation when the source answers
 * FULLRESYNC, acknowledges what it holds once a second also during the snapshot, reconnects by
 * itself, and stops reading while the spool or the disk is full. It parses neither snapshot nor
 * stream. protocol.md R10: after a diskless snapshot an ACK is sent at once.
 *
 * Where the source offers it (valkey's dual channel replication) the snapshot comes over a
 * connection of its own, and the stream meanwhile into the spool instead of the source's buffer.
 *
 * With a file it reads that instead (repl/feed.c), goes on where the spool ends, and begins anew
 * when it is asked for a full sync. */
#pragma once
#include "engine/engine.h"
#include "repl/spool.h"

typedef struct receiver receiver;

/* An RDB file in place of a source: it is fed into the spool, and no stream follows. What it was
 * when it was checked; another one under the same name is recognised. */
typedef struct {
    const char *path;
    char identity[REPLID_SIZE + 1]; /* of the content: stands where a source's replid would */
    uint64_t bytes;                 /* of the RDB; more may stand behind it */
    uint64_t size;                  /* of the file */
    uint64_t device, inode;
    int64_t changed_ns; /* mtime */
} receiver_file;
/* What stat says of the open file; false: not there, or no regular file. */
bool receiver_file_look(int fd, receiver_file *ret, err *e) MUST_CHECK;

typedef struct {
    const engine_url *source; /* copied */
    /* Copied; NULL: none. A replica to attach to instead, until it fails three times in a row, or
     * is told to be left. */
    const engine_url *replica;
    const receiver_file *file; /* NULL: the source is a server; borrowed */
    spool *spool;              /* outlives the receiver */
    bool full_sync;            /* do not try to go on: what the spool holds is of no use */
    uint64_t generation_used;  /* the target knows this one: full syncs get higher numbers */
    int64_t silence_max_ms;    /* a source that says nothing for so long is given up */
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
    bool is_dead;            /* nothing will come any more: the file is not what it was */
    bool at_replica;         /* and not at the source */
    bool dual_channel;       /* snapshot and stream (are to) come at the same time */
    err left;                /* why the replica was left for the source */
    err trouble;             /* why it is not connected or not reading; kind ERR_NONE: nothing */
} receiver_status;

receiver *receiver_start(const receiver_options *o);
void receiver_stop(receiver *r); /* waits for the thread; frees */
receiver_status receiver_status_get(receiver *r);
/* From any thread: acknowledge now (the source asked by REPLCONF GETACK). */
void receiver_ack(receiver *r);
/* From any thread: what the spool holds is of no use; ask for a full sync. */
void receiver_full_sync(receiver *r);
/* From any thread: do without the replica from now on. */
void receiver_leave_replica(receiver *r, const char *why);
