/* watch/rule.h: what state an alarm is in, by its last datapoints. Pure.
 *
 * After the guide's "Configuring how CloudWatch alarms treat missing data": a few datapoints more
 * than it asks for are looked at, so that late ones do not count as missing; when enough are there,
 * how missing ones are treated does not matter. The tables of that page are the unit test. */
#pragma once
#include "base/base.h"

/* Datapoints that are looked at beyond EvaluationPeriods (the guide shows 5 for 3). */
#define RULE_RANGE_MORE ((size_t)2)

typedef enum { RULE_OK, RULE_ALARM, RULE_INSUFFICIENT } rule_state;
typedef enum { TREAT_MISSING, TREAT_IGNORE, TREAT_BREACHING, TREAT_NOT_BREACHING } rule_treat;
typedef enum { ABOVE, ABOVE_OR_AT, BELOW, BELOW_OR_AT } rule_compare;

typedef struct {
    size_t periods; /* EvaluationPeriods */
    size_t needed;  /* DatapointsToAlarm */
    rule_compare compare;
    double threshold;
    rule_treat treat;
} rule;

/* `values`: periods + RULE_RANGE_MORE of them, the newest last; NAN: missing. */
/* Is it so whatever the missing ones would have been? */
bool rule_is_sure(const rule *r, const double *values);
rule_state rule_decide(const rule *r, const double *values, rule_state before);
bool rule_breaches(const rule *r, double value);
