/* apply/snapshot.h: the snapshot out of the spool onto the target.
 *
 * Values are passed on and not decoded: strings as SET, everything else as RESTORE with the bytes
 * of the file. Every command may be repeated until the first command of the stream, so marks (the
 * checkpoint's snapshot form) need only stand behind answered commands: a killed or reconnected
 * link goes on at the last mark. */
#pragma once
#include "apply/context.h"

typedef struct snapshot snapshot;

/* Goes on at the checkpoint (offset 0: from the begin). */
bool snapshot_open(apply_context *x, const checkpoint *at, snapshot **ret, err *e) MUST_CHECK;
/* The database the stream behind it begins in: a replica's names none, but its snapshot does. */
unsigned snapshot_stream_db(const snapshot *s);
void snapshot_free(snapshot *s);
/* One turn: answers, then as much of the spool as the target takes. STEP_DONE: everything is
 * written and answered. STEP_MORE with ret_idle: only more bytes or answers help. */
step snapshot_step(snapshot *s, bool paused, bool *ret_idle, err *e) MUST_CHECK;
