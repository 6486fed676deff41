/* apply/gauge.h: a thread that looks how the target feels, several times a second: how long a
 * client waits there, how full its memory is, and whether the operator's throttle file is there.
 *
 * It has a small connection of its own, so that what it measures is not the queue in front of the
 * link's commands. A look that is not answered counts as long as it has lasted. What it finds
 * stands in the shared part. */
#pragma once
#include "apply/context.h"

typedef struct gauge gauge;

gauge *gauge_start(apply_context *x);
void gauge_stop(gauge *g);
