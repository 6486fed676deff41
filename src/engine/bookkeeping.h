/* engine/bookkeeping.h: the keys that handover keeps on a target while a move is under way. */
#pragma once

/* Checkpoints, canaries and temporaries begin with this; verification leaves them out on the
 * target. */
#define BOOKKEEPING_PREFIX "handover:"
