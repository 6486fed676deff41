/* migrate/throttle.h: the operator's limits on a move: kept in the journal, so that a run that goes
 * on holds them too, and handed to the link.
 *
 * A change is a set of limits in which -1 leaves a limit as it is and 0 lifts it. */
#pragma once
#include <jansson.h>

#include "migrate/move.h"

#define THROTTLE_UNCHANGED (-1)

/* Takes the change into the journal and the move's limits. */
bool throttle_change(move *m, const throttle_limits *change, err *e) MUST_CHECK;
/* The limits of earlier runs, changed by this one's options. */
bool throttle_begin(move *m, const throttle_limits *change, err *e) MUST_CHECK;
/* The same on a running move, at once: by any thread. The caller frees the text. */
bool throttle_order_do(move *m, const throttle_limits *change, char **ret_text, err *e) MUST_CHECK;
/* As they go over the control socket. */
void throttle_to_json(const throttle_limits *limits, json_t *o);
throttle_limits throttle_from_json(const json_t *o);
/* The part of the status. */
json_t *throttle_status_make(const throttle_status *s);
