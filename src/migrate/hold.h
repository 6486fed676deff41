/* migrate/hold.h: how a source holds writes, and how it refuses them for good. protocol.md section
 * 7: A where writes alone can be held (6.2 and newer); C before, where CLIENT PAUSE stops every
 * command, our own too, and cannot be ended early, and where REPLICAOF cuts the link off from what
 * it has not read. There the users lose the right to write, in the transaction that pauses. Each
 * act reads the source's offset in its transaction: what was written before is in the stream up to
 * there. */
#pragma once
#include "migrate/move.h"

#define HOLD_FENCE_HOST "127.0.0.1"
#define HOLD_FENCE_PORT 1
#define HOLD_FENCE_PORT_TEXT "1"
/* Before 6.2: all commands stand still this long; from then on writes are answered with NOPERM. */
#define HOLD_OLD_PAUSE_TEXT "300"
#define HOLD_USERS_MAX ((size_t)1000)

/* Whether it is C; not so while the version is not known. */
bool hold_is_old(const move *m);
/* That the source lets us do it. */
bool hold_check(move *m, err *e) MUST_CHECK;
/* Into the journal, before anything is sent: what has to be taken back. */
bool hold_plan(move *m, err *e) MUST_CHECK;
bool hold_begin(move *m, uint64_t *ret_offset, err *e) MUST_CHECK;
/* For good. Before 6.2 the hold is that already: `ret_offset` stays. */
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
