/* apply/reconcile.h: after a snapshot and before the stream, the target loses what the source no
 * longer has (protocol.md R13): keys that are not in the snapshot, and function libraries. */
#pragma once
#include "apply/context.h"

/* Whether the target holds a key, but the checkpoint if that is there. */
bool reconcile_keys_are_there(engine *target, bool has_checkpoint, bool *ret, err *e) MUST_CHECK;
/* Whether the target holds a key (but the checkpoint, if that is there) or a function library. */
bool reconcile_is_needed(engine *target, bool has_checkpoint, bool *ret, err *e) MUST_CHECK;
/* Uses x->keys. Takes as long as a SCAN of the target; answers between are calls that wait. */
bool reconcile_run(apply_context *x, err *e) MUST_CHECK;
