/* apply/link.h: the link of one source to one target: receiver, spool, applier.
 *
 * link_start looks at what the spool and the target already hold and goes on from there, or begins
 * with a full sync. From then on it runs by itself through reconnects and failovers until it is
 * stopped; everything else here asks it or tells it something. All functions may be called from
 * one control thread. The rules are those of protocol.md (R1-R11, R13, R16-R21). */
#pragma once
#include "apply/checkpoint.h"
#include "apply/governor.h"
#include "engine/engine.h"
#include "repl/receiver.h"
#include "repl/spool.h"

typedef struct sync_link sync_link;

typedef enum { TARGET_EMPTY, TARGET_MERGE, TARGET_REPLACE } target_policy;

typedef struct {
    const char *link_id; /* LINK_ID_SIZE hex digits; names our keys on the target */
    const char *workdir;
    const engine_url *source;
    const engine_url *target;
    const receiver_file *file; /* the source is this one; no stream follows. NULL: a server */
    const engine_url
        *replica; /* of the source, to attach to; NULL: none. Used by link_start only */
    uint64_t spool_bytes_max;
    uint64_t spool_segment_bytes;
    int64_t hold_horizon_ms;
    int64_t source_skew_ms;    /* the source's clock minus ours: its relative times begin there */
    int64_t source_silence_ms; /* a source that says nothing for so long is given up */
    target_policy policy;
    bool flush_pass;             /* FLUSHALL, FLUSHDB, SWAPDB are passed on */
    unsigned target_rdb_version; /* of the footers of RESTORE, and what the target knows */
    unsigned source_rdb_version; /* what commands mean in the stream */
    bool same_version;           /* source and target are of one: they compute alike */
    bool fields_expire;          /* the target knows expiries of hash fields */
    throttle_limits throttle;
    const char *throttle_file; /* while it is there, nothing is written; NULL: none */
    bool full_sync;            /* what the target holds may be wrong: begin a new generation */
} link_options;

typedef enum {
    LINK_CONNECTING,
    LINK_WAITING, /* for the source's snapshot */
    LINK_SNAPSHOT,
    LINK_RECONCILE, /* deleting what the source no longer has */
    LINK_STREAM,
    LINK_PAUSED,
    LINK_STOPPED, /* something only the operator can settle: see trouble */
} link_phase;

typedef struct {
    uint64_t generation;
    uint64_t snapshot_keys;
    uint64_t snapshot_bytes;   /* applied */
    uint64_t commands;         /* of the stream, applied */
    uint64_t dropped;          /* messages, keep-alives */
    uint64_t applied_offset;   /* everything up to here is answered by the target */
    int64_t applied_wall_ms;   /* when the receiver read the last applied byte */
    int64_t caught_up_wall_ms; /* when nothing was left to apply; 0: never yet */
    uint64_t checkpoint_offset;
    bool checkpoint_in_snapshot;
    uint64_t reconnects;
    uint64_t diverged; /* answers that cannot be if both sides are equal */
    uint64_t bytes_sent;
    uint64_t reconciled; /* keys deleted because the source has them no more */
    uint64_t expired;    /* keys of a file that were over when they came: not written */
} link_progress;

typedef struct {
    link_phase phase;
    err trouble; /* kind ERR_NONE: none */
    link_progress progress;
    receiver_status receiver;
    spool_extent snapshot;
    spool_extent stream;
    uint64_t spool_bytes;
    int64_t lag_ms;
    uint64_t lag_bytes;
    uint64_t near_keys;
    throttle_status throttle;
} link_status;

/* A key that needs someone: it could not be written, or the target answered what it must not. */
typedef struct {
    unsigned db;
    span key;
    char type[16];
    char reason[640];
    uint64_t offset;
    bool diverged; /* else: refused by the target, not there */
} link_incident;

/* ERR_STATE when the target cannot be continued and must not be started over by itself. */
bool link_start(const link_options *o, sync_link **ret, err *e) MUST_CHECK;
/* Stops all threads; what is applied stays, a later start goes on from there. */
void link_stop(sync_link *l);

link_status link_status_get(sync_link *l);
void link_pause(sync_link *l, bool pause);
void link_throttle(sync_link *l, const throttle_limits *limits);
/* While a cutover drains nothing holds the link back. */
void link_throttle_lift(sync_link *l, bool lift);
/* What the target holds may be wrong: begins a new generation. */
void link_full_sync(sync_link *l);
/* The link goes on at the source itself. */
void link_leave_replica(sync_link *l, const char *why);
/* Whether everything up to the offset is answered by the target (R: drain means >=). */
bool link_drained(sync_link *l, uint64_t offset);
/* Waits for that; ERR_TIMEOUT names what is missing, ERR_STATE that the link stopped. */
bool link_drain(sync_link *l, uint64_t offset, int64_t deadline_ns, err *e) MUST_CHECK;
/* Nothing that ends behind this offset is applied any more (R21); UINT64_MAX lifts it. */
void link_limit(sync_link *l, uint64_t offset);

/* To be called every second or so with a client of the target: finds out what all replicas of the
 * target hold and gives the spool's segments below it free (R8). */
bool link_confirm(sync_link *l, engine *target, err *e) MUST_CHECK;
/* Until all replicas of the target hold everything up to now, for `timeout_ms` at most. `*ret`:
 * they do. */
bool link_replicas_wait(engine *target, int timeout_ms, bool *ret, err *e) MUST_CHECK;

/* The oldest incidents, `max` at most; the keys are in the arena. They stay on the list, and the
 * snapshot's checkpoint behind them, until they are dropped: a kill in between forgets none. */
size_t link_incidents_read(sync_link *l, arena *memory, link_incident *ret, size_t max);
void link_incidents_drop(sync_link *l, size_t count);

/* Keys copied again by value, each at its place in the stream (apply/copy.h). What the source has
 * not is deleted. Errors are of the whole; what became of one key stands with it. */
typedef enum {
    LINK_COPY_WRITTEN,
    LINK_COPY_DELETED, /* the source has it not */
    LINK_COPY_REFUSED, /* see text */
} link_copy_verdict;

typedef struct {
    unsigned db;
    span key;
    link_copy_verdict verdict;
    char text[240];
} link_copy;
bool link_copy_keys(sync_link *l,
                    engine *source,
                    link_copy *keys,
                    size_t count,
                    int64_t deadline_ns,
                    err *e) MUST_CHECK;

/* Held expiries, protocol.md R18. First all that cannot expire within `guard_ms` are released,
 * while the stream goes on; the keys of the others are listed (ERR_LIMIT: too many). A pass that
 * takes longer than a third of the guard is given up (ERR_TIMEOUT): its first keys would get near
 * their time. The passes
 * use a client of their own. link_release_near releases those of the list whose time is still
 * further than `guard_ms` away; 0 releases all (after the final drain). link_hold_again is the way
 * back when a cutover was undone. */
typedef struct {
    uint64_t released;
    uint64_t held; /* still held: listed */
} release_result;
bool link_release_far(sync_link *l, engine *target, int64_t guard_ms, release_result *ret, err *e)
    MUST_CHECK;
bool link_release_near(sync_link *l, engine *target, int64_t guard_ms, release_result *ret, err *e)
    MUST_CHECK;
bool link_hold_again(sync_link *l, engine *target, release_result *ret, err *e) MUST_CHECK;
/* Over the whole target, without a link: releases (or only counts) what is held. */
bool release_sweep(engine *target, bool only_count, release_result *ret, err *e) MUST_CHECK;

/* The bookkeeping on a target, for preflight, finish and abort. found: there is a checkpoint. */
bool link_checkpoint_get(
    engine *target, const char *link_id, bool *ret_found, checkpoint *ret, err *e) MUST_CHECK;
bool link_checkpoint_delete(engine *target, const char *link_id, err *e) MUST_CHECK;
