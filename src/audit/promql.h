/* audit/promql.h: what an expression of PromQL speaks of. A lexer, no parser: it tells metric names
 * from functions, labels, keywords and literals, and notes what a conversion must know. Pure.
 *
 * Format: Prometheus documentation, "Querying basics" and promql/parser/lex.go. What it does not
 * know it passes over: an expression that Prometheus would refuse still names its metrics. */
#pragma once
#include "base/mem.h"

#define PROMQL_NAMES_MAX 64 /* of one kind in one expression; more are not kept */

typedef struct {
    size_t count;
    const char *at[PROMQL_NAMES_MAX]; /* each once, in order */
} promql_names;

typedef struct {
    promql_names metrics;
    promql_names functions; /* aggregations too */
    promql_names labels;    /* in matchers, by(), without(), on() … */
    const char *shape;      /* names and operators without numbers, matchers and blanks */
    const char *comparison; /* the last one with a number behind it: "<" ">=" …; NULL: none */
    double threshold;       /* that number */
    unsigned range_s;       /* the shortest "[5m]"; 0: none */
    bool has_default;       /* "or vector(0)": something is there when the series is not */
    bool has_offset;
    bool has_name_pattern; /* {__name__=~"…"}: not all names can be told */
} promql;

/* All in the arena's memory. */
promql promql_read(arena *a, const char *text);
bool promql_has(const promql_names *names, const char *name);
/* "5m", "1h30m" as seconds; 0 when it is none. */
unsigned promql_duration_s(const char *text);
