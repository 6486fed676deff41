/* watch/watch.h: a stand-in of CloudWatch for the metrics of ElastiCache.
 *
 * It is fed a sample of every node a minute, keeps a day of them, answers calls and evaluates
 * alarms. It knows no protocol and does no I/O: a call and its answer are JSON objects in the shape
 * of the API, in which a member whose name holds "Timestamp" is a time, in seconds since 1970. Its
 * minute may be shorter than sixty seconds: every period of a call then is, in the same proportion.
 * One caller at a time.
 *
 * What is exact and what is approximate stands in docs/sandbox.md. */
#pragma once
#include <jansson.h>

#include "watch/metrics.h"

typedef struct watch watch;

typedef struct {
    const char *region;
    const char *account;
    int64_t minute_ms;
    json_t *alarms; /* {name: alarm}: kept by the caller, changed here; a reference is taken */
} watch_options;

bool watch_new(const watch_options *o, watch **ret, err *e) MUST_CHECK;
void watch_free(watch *w); /* NULL is fine */

typedef struct {
    unsigned status;  /* HTTP */
    const char *code; /* as the query protocol says it */
    char message[512];
} watch_fault;

bool watch_call(watch *w, const char *operation, json_t *call, json_t **ret, watch_fault *f)
    MUST_CHECK;

/* --- samples --------------------------------------------------------------------------------- */

/* Is it time for samples? Then one of every node is to come, and then watch_turn. */
bool watch_is_due(const watch *w, int64_t now_ms);
/* What the families of commands are on an engine: its answer to COMMAND. */
families *watch_families(const watch *w, const reply *commands);
void watch_sample(
    watch *w, const char *group, const char *node, const metrics_input *in, int64_t now_ms);
/* The minute's samples are there: evaluates the alarms. */
void watch_turn(watch *w, int64_t now_ms);
/* Have the alarms changed since this was asked last? */
bool watch_has_changed(watch *w);
