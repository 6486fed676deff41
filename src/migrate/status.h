/* migrate/status.h: where the move is, as the documented JSON object (docs/migrate.md), and as a
 * page for people. */
#pragma once
#include <jansson.h>

#include "migrate/move.h"

/* Any thread. The caller owns the object. */
json_t *status_make(move *m);
/* The object that a run left behind; an almost empty one when there is none that can be read. */
json_t *status_stored_read(const char *text, const char *workdir);
/* What holds the link back just now, the first reason; empty when nothing does. The move's lock is
 * held. */
typedef struct {
    char text[sizeof((err *)0)->text];
} status_reason;
status_reason status_reason_of(const move *m, const link_status *s);
/* The page; reads only what the JSON holds, so it serves a stored status too. */
void status_print(const json_t *status);
