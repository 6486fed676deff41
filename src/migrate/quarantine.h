/* migrate/quarantine.h: keys that need someone: noted, listed, accepted, and copied again by value
 * through the link (apply/copy.h). Nothing else writes to the target. */
#pragma once
#include <jansson.h>

#include "migrate/move.h"

/* What the link has set aside since, into the journal. */
bool quarantine_note(move *m, err *e) MUST_CHECK;

/* In the process that runs the move. `ids`: numbers of rows; NULL or empty: all that are not
 * accepted. `keys`: [database, name in hexadecimal digits] each. ret_refused: how many stay in the
 * quarantine. The caller frees the text. */
bool quarantine_retry(move *m, const json_t *ids, char **ret_text, uint64_t *ret_refused, err *e)
    MUST_CHECK;
bool quarantine_copy(move *m, const json_t *keys, char **ret_text, uint64_t *ret_refused, err *e)
    MUST_CHECK;
