/* migrate/status.h: where the move is, as the documented JSON object (docs/migrate.md), and as a
 * page for people. */
#pragma once
#include <jansson.h>

#include "migrate/move.h"

/* Any thread. The caller owns the object. */
json_t *status_make(move *m);
/* The object that a run left behind; an almost empty one when there is none that can be read. */
json_t *status_stored_read(const char *text, const char *workdir);
/* The page; reads only what the JSON holds, so it serves a stored status too. */
void status_print(const json_t *status);
