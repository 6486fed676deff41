/* audit/prom_judge.h: one rule of Prometheus against CloudWatch: does what it watches exist there,
 * and what would be wrong if its numbers were copied as they are. Pure. */
#pragma once
#include "audit/cloudwatch.h"
#include "audit/prom_rules.h"
#include "audit/promql.h"

typedef struct {
    const prom_rule *rule;
    const char *id_name; /* its name, numbered when the file has it twice */
    promql query;        /* recording rules resolved */
    bool is_ours;        /* about this server at all */
    const char *blind;   /* why; NULL: it is not */
    const char *unknown; /* a metric nobody knows; NULL */
    exactness worst;
    const char *alarm;   /* of a published rule like it; "": none */
    const char *source;  /* of that; NULL */
    const char *changes; /* what to change when it is copied; "": nothing known */
} prom_judged;

/* Rule number `at` of the file. All in the arena's memory. */
prom_judged prom_judge(const cloudwatch *c, arena *a, const prom_rules *rules, size_t at);
const char *prom_judged_class(const prom_judged *j); /* exact approximate blind unknown */
