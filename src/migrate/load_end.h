/* migrate/load_end.h: how the loading of a file ends: the keys are counted against it, what was
 * changed on the target is taken back. Every step may be repeated after a kill. */
#pragma once
#include "migrate/move.h"

/* Everything in the file is answered by the target; the link still runs. ret_same: as many keys of
 * each type in each database as the file has that are not over, but for those in the quarantine. */
bool load_compare(move *m, bool *ret_same, err *e) MUST_CHECK;
/* Whether a run before this one came that far. */
bool load_is_compared(move *m, bool *ret, bool *ret_same, err *e) MUST_CHECK;
/* Stops the link, takes back what was changed, ends the move. */
bool load_finish(move *m, err *e) MUST_CHECK;
