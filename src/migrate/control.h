/* migrate/control.h: the Unix socket in the work directory (0600) over which other terminals ask
 * for the status and give orders. One line of JSON each way; the control plane may be simple. */
#pragma once
#include <jansson.h>

#include "migrate/move.h"

typedef struct control control;

/* Serves on a thread of its own until stopped. */
bool control_start(move *m, control **ret, err *e) MUST_CHECK;
/* After this nobody uses the move any more: it waits until every visitor has its answer. Orders
 * must not be waited for by then (move.over). */
void control_stop(control *c);

/* The asking side. ERR_STATE: no process runs the move. */
bool control_ask_status(const char *workdir, char **ret_json, err *e) MUST_CHECK;
/* One order as it came over the socket; false: there is none in it. Any object is good. */
bool control_order_read(const json_t *request, move_order *ret);
/* Why an order was refused, from the answer to it. */
void control_trouble_read(const json_t *answer, err *e);
bool control_ask(const char *workdir, move_order *o, char **ret_text, err *e) MUST_CHECK;
