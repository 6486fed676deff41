/* audit/audit.h: what will not come along, before the move. Reads only.
 *
 *     collectors (live, offline, sample) -> facts -> rules -> report -> grades, verdict
 *
 * A collector reads and judges nothing; a rule judges and reads nothing. */
#pragma once
#include <signal.h>

#include "base/err.h"
#include "engine/url.h"
#include "report/report.h"

typedef struct {
    const engine_url *source;  /* NULL: offline */
    const char *conf_path;     /* NULL: none */
    const char *info_path;     /* NULL: none */
    const char *dump_path;     /* an RDB file, "-": standard input; NULL: none */
    const char *rules_path;    /* Prometheus rules; NULL: none */
    const char *accepted_path; /* accepted finding ids; NULL: none */
    const char *plan_path;     /* a new file for the draft of a plan; NULL: none */
    struct plan_draft *draft;  /* what the rules put into it; NULL: not wanted */
    const char *target;        /* "valkey8.1", as knowledge_target_find takes it */
    int64_t watch_ms;          /* 0: one look */
    uint64_t sample_keys_max;
    int64_t sample_ms_max;
    const char *today; /* YYYY-MM-DD, for ages and acceptance */
    const volatile sig_atomic_t *stop;
} audit_options;

/* The caller frees the report. False only when nothing could be audited: no connection, no file. */
bool audit_run(const audit_options *o, report **ret, err *e) MUST_CHECK;
