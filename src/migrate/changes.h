/* migrate/changes.h: what the tool changed on a server, and how it is taken back.
 *
 * Each change is written into the journal before it is made, with an undo that is right whether or
 * not the change was made. docs/changes-on-your-servers.md lists them all. */
#pragma once
#include "migrate/move.h"

typedef enum {
    CHANGE_FENCE,          /* REPLICAOF nowhere on the source */
    CHANGE_PAUSE,          /* CLIENT PAUSE on the source: ends by itself */
    CHANGE_SOURCE_USERS,   /* a user's right to write, on a source before 6.2; one for each user */
    CHANGE_SOURCE_LIMITS,  /* client-output-buffer-limit of replicas on the source */
    CHANGE_SOURCE_BACKLOG, /* repl-backlog-size on the source */
    CHANGE_TARGET_POLICY,  /* maxmemory-policy noeviction on the target */
    CHANGE_CHECKPOINT,     /* our key on the target */
} change_kind;

/* Notes it; `argument` goes into the undo (the setting's values). */
bool change_plan(move *m, change_kind kind, const char *argument, int64_t *ret_id, err *e)
    MUST_CHECK;
/* The same, unless one of that kind is open already. */
bool change_plan_once(move *m, change_kind kind, const char *argument, err *e) MUST_CHECK;
/* Whether a change of this kind is open (perhaps made, not taken back). */
bool change_is_open(move *m, change_kind kind, bool *ret, err *e) MUST_CHECK;
/* Whether this one, as the journal has it, is of that kind. */
bool change_is(const struct journal_change *c, change_kind kind);
/* Takes back all open changes of this kind; says so. */
bool change_undo(move *m, change_kind kind, err *e) MUST_CHECK;
/* The same for every setting that was changed with consent. */
bool change_undo_settings(move *m, err *e) MUST_CHECK;
/* Leaves them, on purpose. */
bool change_keep(move *m, change_kind kind, err *e) MUST_CHECK;
