/* repl/receiver_internal.h: what the two ways to fill the spool share: from a server, from a file.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "repl/psync.h"
#include "repl/receiver.h"

/* A connection to the source and where it stands. */
typedef struct {
    engine *engine; /* NULL: there is none */
    psync_reader psync;
    int64_t heard_ns;
    bool full;     /* not reading: there is no room for what it brings */
    bool troubled; /* and that is told */
} channel;

struct receiver {
    engine_url source;
    engine_url replica; /* host NULL: there is none, or it was left */
    unsigned replica_failures;
    char source_replid[REPLID_SIZE + 1]; /* while attached to a replica */
    const receiver_file *file;           /* NULL: a server */
    spool *spool;
    uint64_t generation_used; /* by an earlier spool, on the target */
    int64_t silence_max_ms;
    pthread_t thread;
    net_loop *loop;
    net_wake *wake;
    channel main;
    channel side;   /* for the snapshot alone, while it comes that way */
    bool dual_open; /* a snapshot was asked for that way and has not come whole */
    unsigned dual_failures;
    int64_t next_ack_ns;
    int64_t retry_ms;
    int quick_acks;     /* still to send behind a snapshot, until the stream flows */
    bool snapshot_open; /* a snapshot began and has not ended */
    atomic_bool stop;
    atomic_bool ack_asked;
    atomic_bool full_sync_asked;
    atomic_bool leave_asked; /* the replica */
    pthread_mutex_t lock;    /* over what follows */
    receiver_status status;
    err leave_why;
};

/* The thread that feeds the spool from a file (repl/feed.c). */
void *feed_main(void *receiver);
