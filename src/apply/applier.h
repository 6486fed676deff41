/* apply/applier.h: the thread that moves what the spool holds onto the target.
 *
 * It connects (killing what an earlier connection of this link left), believes only the checkpoint
 * it finds there, and goes on from it: snapshot, reconciliation, stream. A lost connection and
 * refusals that pass end in the same way: connect again, read the checkpoint, go on. */
#pragma once
#include "apply/context.h"

typedef struct applier applier;

/* The context is borrowed and outlives the applier. `useless_generation`: what the spool holds of
 * it is waited out, a full sync was asked for (0: none). */
applier *applier_start(apply_context *x, uint64_t useless_generation);
void applier_wake(applier *a); /* from any thread: look at the shared orders now */
void applier_stop(applier *a);
