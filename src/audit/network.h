/* audit/network.h: can the target be reached from here, step by step; as a report. */
#pragma once
#include "base/err.h"
#include "engine/url.h"
#include "report/report.h"

typedef struct {
    const engine_url *target;
    int timeout_ms; /* for connecting, and for each answer */
} audit_network_options;

/* The caller frees the report; it has a blocking finding when the target cannot be reached. False
 * only when nothing could be tried. */
bool audit_network_run(const audit_network_options *o, report **ret, err *e) MUST_CHECK;
