#include "watch/rule.h"

#include <math.h>

bool rule_breaches(const rule *r, double value)
{
    switch (r->compare) {
    case ABOVE:
        return value > r->threshold;
    case ABOVE_OR_AT:
        return value >= r->threshold;
    case BELOW:
        return value < r->threshold;
    case BELOW_OR_AT:
        return value <= r->threshold;
    }
    return false;
}

/* What the newest datapoints say. */
typedef struct {
    size_t there;    /* of at most `periods` that are not missing */
    size_t breaches; /* of these */
    size_t age;      /* of the oldest of these; 1: the newest place */
} tally;

static tally count(const rule *r, const double *values)
{
    tally t = {0};
    size_t range = r->periods + RULE_RANGE_MORE;
    for (size_t age = 1; age <= range && t.there < r->periods; age++) {
        double value = values[range - age];
        if (isnan(value)) continue;
        t.there++;
        t.age = age;
        t.breaches += rule_breaches(r, value);
    }
    return t;
}

bool rule_is_sure(const rule *r, const double *values)
{
    tally t = count(r, values);
    return t.there == r->periods || t.breaches >= r->needed;
}

rule_state rule_decide(const rule *r, const double *values, rule_state before)
{
    tally t = count(r, values);
    size_t missing = r->periods - t.there;
    bool alarm = t.breaches >= r->needed;
    if (alarm || missing == 0) return alarm ? RULE_ALARM : RULE_OK;
    /* Nothing but breaches, and the oldest of them is old enough: the missing ones do not save it.
     */
    bool early = t.there > 0 && t.breaches == t.there && t.age >= r->needed;
    switch (r->treat) {
    case TREAT_BREACHING:
        return t.breaches + missing >= r->needed ? RULE_ALARM : RULE_OK;
    case TREAT_NOT_BREACHING:
        return RULE_OK;
    case TREAT_IGNORE:
        return t.there == 0 || early ? before : RULE_OK;
    case TREAT_MISSING:
        return t.there == 0 ? RULE_INSUFFICIENT : early ? RULE_ALARM : RULE_OK;
    }
    return before;
}
