/* selftest/selftest.h: where a real cache differs from what handover's tables say of it, found by
 * harmless checks.
 *
 * Two kinds. Every command that the tables tell something of is sent in a form that no engine runs:
 * with too few arguments, or with too many; so what is answered tells whether it is there, and
 * nothing else happens (tests/integration/test_selftest.py sends all of it to engines that block
 * nothing). And what a move relies on is tried on keys of a prefix of our own, which are deleted.
 * Some 200 commands, one after another. */
#pragma once
#include "engine/url.h"
#include "report/report.h"

typedef struct {
    const engine_url *target;
    int timeout_ms; /* of each command */
} selftest_options;

/* The caller frees the report. Findings of severity SEVERITY_WARN: what differs. Fails only when
 * the target cannot be used at all. */
bool selftest_run(const selftest_options *o, report **ret, err *e) MUST_CHECK;
