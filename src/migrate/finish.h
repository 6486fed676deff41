/* migrate/finish.h: the two ends of a move: finished, or aborted. Both take back what was changed.
 */
#pragma once
#include "migrate/move.h"

/* Refuses, touching nothing, where a move is fenced or switched. Stops the link, takes every change
 * back, says what stays on the target. The caller frees. */
bool finish_abort(move *m, char **ret_text, err *e) MUST_CHECK;
/* The spool goes; the journal stays as the record of the move. */
void finish_clean(const char *workdir);
