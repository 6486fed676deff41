/* migrate/gate.h: before the writes are held: can a new client reach the target from here? */
#pragma once
#include "base/buf.h"
#include "migrate/move.h"

/* ERR_STATE names the step that fails and its likely cause. */
bool gate_network(move *m, err *e) MUST_CHECK;
/* What the gate says now, one line, for people. False: `out` is full. */
bool gate_describe(move *m, bool skip, buf *out) MUST_CHECK;
