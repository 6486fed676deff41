/* migrate/metrics.h: the state of a move as metrics in Prometheus' text format 0.0.4, made from the
 * status object (migrate/status.h), so that both say the same. docs/metrics.md lists them.
 * Format: prometheus.io/docs/instrumenting/exposition_formats; names: .../practices/naming. Pure
 * but for process_*. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* A value that is not known (null in the status) is left out. ERR_LIMIT: out is full. */
bool metrics_write(const json_t *status, buf *out, err *e) MUST_CHECK;
