/* migrate/exporter.h: serves the metrics of a running move over HTTP: GET /metrics, and a page at /
 * that names it. Nothing else, nothing is changed, and nothing secret is in it. */
#pragma once
#include "migrate/move.h"

typedef struct exporter exporter;

/* Takes "HOST:PORT" (an address of this machine or a name of one) for itself, so that a wrong one
 * is told before the move begins. Whoever asks waits until exporter_start. */
bool exporter_open(const char *address, exporter **ret, err *e) MUST_CHECK;
/* Answers on a thread of its own from now on. */
bool exporter_start(exporter *x, move *m, err *e) MUST_CHECK;
/* After this nobody uses the move any more. NULL is good. */
void exporter_close(exporter *x);
