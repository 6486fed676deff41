/* audit/prom_rules.h: the rules of a Prometheus rule file (YAML). A rule is any mapping that has
 * `expr` beside `alert` or `record`, however deep: plain files, the PrometheusRule resource of
 * Kubernetes and bare lists are read alike. Pure. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define PROM_RULES_MAX 5000
#define PROM_DEPTH_MAX 32
#define PROM_RULES_SIZE_MAX (16 * MIB) /* of the file */

typedef struct {
    const char *name;
    const char *expression;
    const char *wait; /* `for`; "" when there is none */
    unsigned line;    /* of the rule's first line */
    bool is_alert;    /* else a recording rule */
} prom_rule;

typedef struct {
    size_t count;
    prom_rule *at;
} prom_rules;

/* All in the arena's memory. A file without rules is right and has none. */
bool prom_rules_read(arena *a, span yaml, prom_rules *ret, err *e) MUST_CHECK;
