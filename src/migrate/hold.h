/* migrate/hold.h: how a source holds writes, and how it refuses them for good. protocol.md section
 * 7: A where writes alone can be held (6.2 and newer); C before, where CLIENT PAUSE stops every
 * command, our own too, and cannot be ended early, and where REPLICAOF cuts the link off from what
 * it has not read. In 6.0 the users lose the right to write, in the transaction that pauses
 * (docs/decisions/0007); before, REPLICAOF comes when the link holds everything and
 * before anybody else is served (docs/decisions/0009). Each act reads the source's offset: what was
 * written before is in the stream up to there. */
#pragma once
#include "migrate/move.h"

#define HOLD_FENCE_HOST "127.0.0.1"
#define HOLD_FENCE_PORT 1
#define HOLD_FENCE_PORT_TEXT "1"
/* Before 6.2: all commands stand still this long. */
#define HOLD_PAUSE_MS 300
#define HOLD_PAUSE_TEXT "300"
#define HOLD_USERS_MAX ((size_t)1000)

typedef enum {
    HOLD_WRITES,   /* CLIENT PAUSE WRITE, then REPLICAOF nowhere */
    HOLD_USERS,    /* the users' right to write is taken while all stand still: hold and fence */
    HOLD_UNPAUSED, /* all stand still, their connections are closed, REPLICAOF nowhere */
    HOLD_FORM_COUNT
} hold_form;

/* HOLD_WRITES while the version is not known. */
hold_form hold_form_of(const move *m);
/* That the source lets us do it. */
bool hold_check(move *m, err *e) MUST_CHECK;
/* Into the journal, before anything is sent: what has to be taken back. */
bool hold_plan(move *m, err *e) MUST_CHECK;
bool hold_begin(move *m, uint64_t *ret_offset, err *e) MUST_CHECK;
/* For good. With HOLD_USERS the hold is that already: `ret_offset` stays. */
bool hold_fence(move *m, uint64_t *ret_offset, err *e) MUST_CHECK;
/* Waiting writers get their answer. Before 6.2 they get it by themselves. */
bool hold_end(move *m, err *e) MUST_CHECK;
/* Whatever of it stands: taken back; writes resume. */
bool hold_undo(move *m, err *e) MUST_CHECK;
/* Whether the source may refuse writes. */
bool hold_is_fenced(move *m, bool *ret, err *e) MUST_CHECK;
/* Leaves the fence, on purpose. */
bool hold_keep(move *m, err *e) MUST_CHECK;
/* What CHANGE_SOURCE_USERS keeps, and takes back. */
bool hold_user_undo(engine *source, const char *argument, err *e) MUST_CHECK;
