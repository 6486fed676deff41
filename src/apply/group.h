/* apply/group.h: units of the stream and their checkpoint in one MULTI .. EXEC (protocol.md R2).
 *
 * Built while the group before is on its way, sent when that is answered. Invariant: what is in a
 * group begins and ends at unit borders of the stream; `end` is the offset behind its last unit. */
#pragma once
#include "apply/context.h"
#include "apply/rules.h"

#define GROUP_COMMANDS_MAX ((size_t)1000)
#define GROUP_BYTES_MAX ((size_t)1024 * 1024)

/* What is known of a queued command when its answer comes. */
typedef struct {
    size_t at; /* where it stands in the group's bytes */
    unsigned db;
    bool must_change;
    unsigned copy; /* 1 + the item of a copy by value that it belongs to; 0: of the stream */
} group_command;

typedef struct {
    buf bytes; /* the commands, without MULTI, checkpoint and EXEC */
    group_command *commands;
    size_t count;
    size_t room;
    size_t selects; /* of count: ours, to follow the database */
    size_t extra;   /* the checkpoint's commands, behind the others */
    uint64_t end;
    unsigned db;     /* the source's selected database at `end` */
    int64_t wall_ms; /* when the receiver read the byte before `end` */
    size_t dropped;
    uint64_t copy_ticket; /* copies are in it; 0: none */
    bool closed;          /* nothing more may come behind them */
    size_t asides;        /* commands left out whose keys went to the quarantine */
    bool flushes; /* a command in it may delete the checkpoint: it is written all the same */
    /* While being answered: MULTI, each queued command, then the elements of EXEC. */
    size_t answers;
    bool executing;
    reply_nesting nesting;
    char queue_error[560]; /* the first refusal while queueing */
} group;

void group_clear(group *g);
void group_reset(group *g); /* empty, memory kept */

/* Appends a command as it stands in the stream, or from spans; SELECTs the database before it when
 * the connection is in another one. */
bool group_add(group *g, target_conn *t, unsigned db, bool must_change, span wire, err *e)
    MUST_CHECK;
bool group_add_spans(group *g,
                     target_conn *t,
                     unsigned db,
                     bool must_change,
                     size_t count,
                     const span *args,
                     err *e) MUST_CHECK;

/* A place to come back to when a unit turns out to be incomplete. */
typedef struct {
    size_t size, count, selects, dropped;
    unsigned target_db;
} group_place;
group_place group_tell(const group *g, const target_conn *t);
void group_back(group *g, target_conn *t, group_place p);

/* Sends it, with its checkpoint, on the connection. */
bool group_send(group *g, apply_context *x, uint64_t generation, err *e) MUST_CHECK;
/* Reads answers. STEP_DONE: the whole group was executed, every element was read. STEP_BAD: it was
 * refused whole (ERR_REFUSED, passing or fatal), or something in it failed (fatal: divergence). */
step group_answers_read(group *g, apply_context *x, err *e) MUST_CHECK;
